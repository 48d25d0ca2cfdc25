"""What can be made of a tagged document with what the document, or its reader, knows besides.

    from biospan.refine import mark_repeats, propagate_abbreviations

    document = mark_repeats(propagate_abbreviations(tagger.tag(text)))

Every step is a function from a Document to a Document; nothing here is done unless it is asked for.
What a step adds or changes says so in its `source`. No model and no knowledge base is in here.
"""

from biospan.refine.abbreviations import propagate_abbreviations
from biospan.refine.consistency import mark_repeats, unify_labels
from biospan.refine.dictionary import Dictionary
from biospan.refine.exclusion import Exclusions
from biospan.refine.refined import Refined, Steps

__all__ = [
    "Dictionary",
    "Exclusions",
    "Refined",
    "Steps",
    "mark_repeats",
    "propagate_abbreviations",
    "unify_labels",
]
