"""What figures share: style, panels, labels, cells, files."""
