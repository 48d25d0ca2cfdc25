"""A map of characters as SentencePiece makes them, of four rules.

Made with `normalization_rule_tsv`: ﬁ to fi, Ａ to A, µ (U+00B5) to μ (U+03BC), − (U+2212) to -.
"""

import base64
import zlib

_PACKED = (
    b"eNoV02XQFUQYBeCdCwx/6Bgahu5uVLpLpES6O8QCyY/uTkEaRZBSuru7QQmbku7muTvzzNnZ3X/vnhA7hBAvVth9"
    b"MRLWxQkhbggxI2tGwuT4IbpilpeIhEHOPYuJsMA+ehWPhCQgMYlIShKSk4wUbH0cCalkStKQmnSkJQPpychfayMh"
    b"s8xEVrKQnWzkJAe5ycW9tJGQR+YnHwUpQGEKUZQiFKcYJSnBB5TiIz6kDKUpR1kqUJ5KVKQKlalGVWpQnVrU5GNq"
    b"8wl1qEddGlCfT2nIZzSiCY1pRlNa0JxWtKQNrWlHWzrQnk50pAud6UZXetCdnnzOl3zB13xFL77hW3rTlz70px8D"
    b"GcCg6KAZwmCGMZQRDGcUIxnDaMYxlgmMZxITmcJkpjGVGUznO2Yym1nM4XvmMZcFzGcRC/mBxSzhR5byEz+zjBUs"
    b"ZxUr+YXVrOFX1rGWDaxnExvZwma2Rf8lO9jOLnayh93sYy8H2M8hDnKEwxzjKCc4zilOcobTnOMsFzjPJS7yO79x"
    b"hctc4yp/8gd/R3vAv/zDdf7jJje4zS3u8H+0B9zlAfd5xEOe8JhnPOUFz3nFS97wmne8Ja8GtO8Ujm8N7wFdu433"
)
CHARSMAP = zlib.decompress(base64.b64decode(_PACKED))
