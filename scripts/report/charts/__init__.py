"""Charts as inline SVG, drawn with matplotlib, coloured by the page's own style sheet."""
