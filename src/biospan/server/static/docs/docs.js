// The operations of /openapi.json, each with a form to try it. Everything is put in as text.

function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function table(rows) {
  const made = element("table");
  for (const cells of rows) {
    const row = made.appendChild(element("tr"));
    for (const cell of cells) row.append(element("td", cell));
  }
  return made;
}

function resolved(schema, components) {
  const name = schema?.$ref?.split("/").pop();
  return name ? components[name] : (schema ?? {});
}

function kind(schema, components) {
  const plain = resolved(schema, components);
  if (plain.enum) return plain.enum.join(" | ");
  if (plain.anyOf) return plain.anyOf.map((part) => kind(part, components)).join(" | ");
  if (plain.type === "array") return `list of ${kind(plain.items, components)}`;
  const bounds = ["minimum", "maximum", "maxLength", "maxItems"]
    .filter((key) => plain[key] !== undefined)
    .map((key) => `${key} ${plain[key]}`);
  return [plain.title && plain.properties ? plain.title : (plain.type ?? "any"), ...bounds].join(", ");
}

function fields(schema, components) {
  return Object.entries(resolved(schema, components).properties ?? {}).map(([name, part]) => [
    name,
    kind(part, components),
    part.description ?? "",
  ]);
}

function example(content, components) {
  const schema = resolved(content.schema, components);
  const shown = content.example ?? schema.examples?.[0];
  return typeof shown === "string" ? shown : shown && JSON.stringify(shown, null, 2);
}

function trial(path, method, body, mediaType) {
  const made = element("div");
  const input = body === undefined ? null : made.appendChild(element("textarea", "", {
    "aria-label": `Body for ${path}`, spellcheck: "false",
  }));
  if (input) input.value = body;
  const button = made.appendChild(element("button", "Try it", { type: "button" }));
  const output = made.appendChild(element("pre", "", { hidden: "", "aria-live": "polite" }));
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const answer = await fetch(`..${path}`, {
        method: method.toUpperCase(),
        ...(input && { body: input.value, headers: { "Content-Type": mediaType } }),
      });
      const text = await answer.text();
      output.textContent = `${answer.status}\n${pretty(text)}`;
    } catch (error) {
      output.textContent = `The server did not answer: ${error.message}`;
    }
    output.hidden = false;
    button.disabled = false;
  });
  return made;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function operation(path, method, described, components) {
  const made = element("section");
  const title = made.appendChild(element("h2"));
  title.append(element("span", method, { class: "method" }), path);
  made.append(element("p", described.description ?? ""));
  if (described.parameters?.length) {
    made.append(element("h3", "Parameters of the query"));
    made.append(table(described.parameters.map((p) => [
      p.name, kind(p.schema, components), p.description ?? "",
    ])));
  }
  const bodies = Object.entries(described.requestBody?.content ?? {});
  for (const [mediaType, content] of bodies.slice(0, 1)) {
    const rows = fields(content.schema, components);
    made.append(element("h3", `Body: ${bodies.map(([name]) => name).join(", ")}`));
    if (rows.length) made.append(table(rows));
    made.append(trial(path, method, example(content, components) ?? "", mediaType));
  }
  if (!bodies.length) made.append(trial(path, method));
  const answers = made.appendChild(element("details"));
  answers.append(element("summary", "Answers"));
  answers.append(table(Object.entries(described.responses).map(([status, r]) => [
    status, r.description,
  ])));
  return made;
}

const home = document.getElementById("operations");
try {
  const answer = await fetch("../openapi.json");
  const api = await answer.json();
  document.getElementById("about").textContent = `${api.info.description} Version ${api.info.version}.`;
  home.replaceChildren(
    ...Object.entries(api.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, described]) =>
        operation(path, method, described, api.components.schemas))),
  );
} catch (error) {
  home.replaceChildren(element("p", `The description could not be loaded: ${error.message}`));
}
