"""Adapting an encoder to a field's language by masked-language-model training on plain text."""
