"""A drawn hand radiograph with known ossification, for the demo and for tests.

    draw_phantom(100, "F")                      # -> Radiograph
    write_phantom("hand.dcm", 100, "F", seed=3)  # -> a DX object; the suffix .png gives a PNG

The drawing follows text-book ages of appearance and fusion, not any child. **Never use it for a statement about
accuracy**: a network that reads a phantom well or badly has shown nothing about radiographs. Every picture has the
word SYNTHETIC burnt in, every file says so in its header too.

``maturity`` knows when each centre appears, grows and fuses; ``anatomy`` makes outlines in millimetres out of it;
``drawing`` turns outlines into attenuation and attenuation into film; ``files`` writes PNG and DICOM.
"""

from __future__ import annotations

from carpal.phantom.drawing import Phantom, draw_phantom, make_phantom
from carpal.phantom.files import write_phantom
from carpal.phantom.maturity import CARPALS, open_growth_plates, ossified_carpals, ossified_epiphyses

__all__ = [
    "CARPALS",
    "Phantom",
    "draw_phantom",
    "make_phantom",
    "open_growth_plates",
    "ossified_carpals",
    "ossified_epiphyses",
    "write_phantom",
]
