"""A simulation as one HTML file: charts as inline SVG, light and dark, fit for paper.

No script, no font and no image from anywhere: the file opens from a disk without a network,
and holds the data it was made from as JSON. `render_report` in `page` is the entrance.
"""
