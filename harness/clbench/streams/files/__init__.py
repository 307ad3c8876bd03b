"""Files as users have them: encodings of texts, forms of names, kinds of pixels, digests of contents."""
