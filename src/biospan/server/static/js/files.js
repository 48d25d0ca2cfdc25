/** From what a person pastes, opens or drops to documents. */

import { Problem } from "./problems.js";
import * as pubmed from "./pubmed.js";

const MOST_BYTES = 20e6; // of all files together; more is for `biospan annotate`
export const MOST_DOCUMENTS = 1000;

/** Documents of a text that was pasted: PubMed's XML, or one document. */
export function fromText(text) {
  if (pubmed.isXml(text)) return pubmed.read(text);
  return { documents: text.trim() ? [{ text: text.toWellFormed() }] : [], skipped: 0 };
}

/**
 * Documents of files, in their order, and how many records had no text.
 *
 * @throws {Problem} If a file is too large, not in UTF-8, or broken.
 */
export async function fromFiles(files) {
  const size = files.reduce((sum, file) => sum + file.size, 0);
  if (size > MOST_BYTES) {
    const megabytes = Math.ceil(size / 1e6);
    throw new Problem(
      `${megabytes} MB is more than this page takes (20 MB). Use \`biospan annotate\` for files of any size.`,
    );
  }
  const documents = [];
  let skipped = 0;
  for (const file of files) {
    const found = await fromFile(file);
    documents.push(...found.documents);
    skipped += found.skipped;
  }
  if (documents.length > MOST_DOCUMENTS) {
    throw new Problem(
      `${documents.length} documents are more than this page takes (${MOST_DOCUMENTS}). ` +
        "Use `biospan annotate` for any number.",
    );
  }
  return { documents, skipped };
}

async function fromFile(file) {
  const text = await decoded(file);
  try {
    if (pubmed.isXml(text) || /\.xml$/i.test(file.name)) return pubmed.read(text);
  } catch (error) {
    throw error instanceof Problem ? new Problem(`${file.name}: ${error.message}`) : error;
  }
  const id = file.name.replace(/\.[^.]*$/, "");
  return text.trim() ? { documents: [{ id, text }], skipped: 0 } : { documents: [], skipped: 1 };
}

async function decoded(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  try {
    // Without its byte order mark, as Biospan's own reader takes it.
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Problem(
      `${file.name}: not text in UTF-8. Save it as plain text (.txt, UTF-8) or as PubMed XML.`,
    );
  }
}
