"""Where the text files and encoders that we train from come from, and their licences.

Text is known by the name of its file, weights by their checksum. What is not here is not guessed.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Origin(NamedTuple):
    """What is known of a source.

    Attributes:
        origin: Who made it.
        licence: Its terms.
        restricted: Whether they are share-alike, non-commercial or for research only.
    """

    origin: str
    licence: str
    restricted: bool = False


UNKNOWN = Origin("unknown: not recorded", "unknown: not recorded")

_ARTICLES = "CC BY or CC0, by article"
# Of such files the text is used, never the annotations of who collected it.
_ABSTRACTS = "no licence stated for the abstracts; text alone, no annotations"


def _abstracts(collection: str) -> Origin:
    return Origin(f"PubMed abstracts as collected by {collection}", _ABSTRACTS)


FILES: Mapping[str, Origin] = MappingProxyType(
    {
        "aioner_pubtator.txt.gz": _abstracts("the corpora of AIONER"),
        "anatem.txt.gz": Origin(
            "PubMed texts of the corpus AnatEM", "CC BY-SA 3.0 (share-alike)", restricted=True
        ),
        "asreview_reviews.txt.gz": _abstracts("systematic reviews"),
        "bader_standoff_bc5cdr_ncbi_linnaeus.txt.gz": _abstracts("BC5CDR, NCBI and Linnaeus"),
        "bc2gm.txt.gz": Origin(
            "PubMed sentences of the corpus BC2GM",
            "its own terms, mostly for research",
            restricted=True,
        ),
        "chemprot_drugprot_abstracts.txt.gz": _abstracts("ChemProt and DrugProt"),
        "craft_nxml.txt.gz": Origin("articles of the corpus CRAFT", "CC BY"),
        "elife_articles.molbio.txt.gz": Origin("eLife articles, molecular biology", _ARTICLES),
        "huner_aitslab.txt.gz": Origin(
            "a corpus of the HUNER collection",
            "its own terms, mostly for research",
            restricted=True,
        ),
        "jnlpba_train.txt.gz": Origin("PubMed abstracts of JNLPBA", "CC BY 3.0"),
        "kd_dti_ddi.txt.gz": _abstracts("KD-DTI"),
        "mtl_bioinformatics_2016.txt.gz": Origin(
            "PubMed sentences of the collection MTL-2016",
            "those of its corpora, among them share-alike and research-only ones",
            restricted=True,
        ),
        "openstax_biology_book.txt.gz": Origin("OpenStax Biology and Anatomy", "CC BY 3.0"),
        "pap2pat_papers.molbio.txt.gz": Origin(
            "open-access papers of pap2pat, molecular biology", "CC BY 4.0"
        ),
        "plos_allofplos.molbio.txt.gz": Origin("PLOS articles, molecular biology", _ARTICLES),
        "plos_someofplos.molbio.txt.gz": Origin("PLOS articles, molecular biology", _ARTICLES),
        "pubmedqa_labeled.txt.gz": _abstracts("PubMedQA"),
        "wikipathways_descriptions.txt.gz": Origin("descriptions of WikiPathways", "CC0"),
    }
)

ENCODERS: Mapping[str, Origin] = MappingProxyType(
    {
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db": Origin(
            "sentence-transformers/all-MiniLM-L6-v2, by its publishers trained on a billion "
            "sentence pairs of many collections, MS MARCO (for non-commercial research) among them",
            "Apache-2.0 by its own card",
        ),
    }
)
