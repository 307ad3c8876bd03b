"""Tables as text, Markdown, LaTeX, html and files for programs, and the words and cells they share."""
