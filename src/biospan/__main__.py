"""`python -m biospan` is the command `biospan`."""

from biospan.cli import main

main()
