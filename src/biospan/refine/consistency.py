"""One mention, one label, all over a document.

Authors use a name for one thing throughout a text (Gale, Church and Yarowsky 1992, "One sense per
discourse"), but a tagger decides on each place by itself. `mark_repeats` adds, `unify_labels`
changes; neither looks at other documents. `docs/post-processing.md` says what each is worth.
"""

from collections.abc import Sequence
from dataclasses import replace

from biospan.document import Document, Entity
from biospan.refine.matcher import Matcher, takes
from biospan.refine.spans import majority, mean_score, spread

REPEATS, LABELS = "biospan:repeats", "biospan:labels"  # sources
_MIN_MARKED = 2  # times that a mention is marked before it is marked elsewhere


def mark_repeats(document: Document) -> Document:
    """Mark a mention where it was missed, if it is marked twice or more in the document.

    It gets the label that most of its marked places have; none, if two are as frequent. Its score
    is the mean of theirs times the share that they are of all places. Where an entity is already,
    nothing is added.
    """
    marked = Matcher[list[Entity]]()
    for entities in _by_mention(document):
        marked.add(entities[0].text, entities)
    return spread(document, marked, _MIN_MARKED, REPEATS)


def unify_labels(document: Document) -> Document:
    """Give each mention the label that it has at most of its places in the document.

    What changes gets the mean score of those places. If two labels are as frequent, all stay.
    """
    changed: dict[Entity, Entity] = {}
    for entities in _by_mention(document):
        most = majority(entities)
        for entity in entities if most else ():
            if entity.label != most[0].label:
                changed[entity] = replace(
                    entity, label=most[0].label, score=mean_score(most), source=LABELS
                )
    return document.with_entities(changed.get(entity, entity) for entity in document.entities)


def _by_mention(document: Document) -> Sequence[list[Entity]]:
    """The entities of a document, those with one mention together."""
    groups: list[list[Entity]] = []
    matcher = Matcher[list[Entity]]()
    for entity in document.entities:
        if not takes(entity.text):
            continue
        group = matcher.get(entity.text)
        if group is None:
            group = matcher.add(entity.text, [])
            groups.append(group)
        group.append(entity)
    return groups
