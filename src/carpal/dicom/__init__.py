"""DICOM at the borders of carpal: pixels and header facts in."""
