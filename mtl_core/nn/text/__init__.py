"""Text encoders: sequences of word embeddings to sequences of encodings in context, one file per kind."""
