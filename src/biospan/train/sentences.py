"""Sentences that a model is compared on: of the field and not, with what tokenizers differ in."""

SENTENCES = (
    "Mouse thymus was used as a source of glucocorticoid receptor from normal CS lymphocytes.",
    "IL-2 gene expression and NF-kappa B activation through CD28 require reactive oxygen.",
    "TNF-α–induced IκBα degradation (5.2±0.3 μM) was blocked in THP‑1 cells.",
    "The 5'-flanking region of the β-globin gene binds Sp1/Sp3, c-Jun, and p50-p65 dimers.",
    "Human T-cell leukemia virus type I Tax transactivates the IL-2R alpha (CD25) promoter.",
    "MRNA FOR INTERLEUKIN-10 WAS FOUND IN ACTIVATED MACROPHAGES AND IN JURKAT CELLS.",
    "il2 mrna was absent; gm-csf, il-3 and il-4 were not.",
    "Peter Smith of Acme Corp. met Anna Müller in New York on 3 May 2021, he said.",
    "EU rejects German call to boycott British lamb.",
    "No change was seen (P < 0.05, n = 12; see Fig. 2A-C), e.g. in [3H]thymidine uptake...",
    '"Quoted" words, a/b, x_y, 50%, #7, <i>, A+B=C, naïve café and ﬁbroblasts.',
    "Short.",
)
