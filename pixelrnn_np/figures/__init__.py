"""Pictures. `save_…` write PNG files; the others return a matplotlib Figure for a notebook.

One visual language for all of them: see palette.py.
"""

from .bells import mixture_parts
from .blocks import block_sketch, conditional_sketch
from .charts import Table, bars, curves, dumbbells, lines
from .compare import sheets
from .course_map import you_are_here
from .depth import both_ways, seeds
from .diagonals import letters, states_kept, wavefront
from .files import save_completions, save_explanation, save_loss_curve, save_scales, save_sheet
from .films import diagonals_scanned, field_growing, mask_sliding, rows_scanned
from .gates import gate_lines, gate_maps
from .grids import convolution, masks, numbers, register_tile, skewed
from .guesses import colour_guess, opinions
from .intervals import intervals
from .likelihood import distributions, gallery, raster
from .maps import feature_maps, fields, frames, marked, nats, sheet, tensor
from .network import conv_block, lstm_sketch, network, row_taps
from .neurons import neurons
from .palette import BLUE, GATES, GREY, ORANGE, WAITING
from .passes import passes
from .scales import decided, given_fields, sketches, two_scales_drawn
from .sketch import sketch
from .tiles import enlarged, tile, to_rgb
from .timing import ladder, roofline
from .tour import completions, guess, influence
from .training import training_curve
from .verdicts import colour_groups, verdicts

__all__ = [
    "BLUE",
    "GATES",
    "GREY",
    "ORANGE",
    "WAITING",
    "Table",
    "bars",
    "block_sketch",
    "both_ways",
    "colour_groups",
    "colour_guess",
    "completions",
    "conditional_sketch",
    "conv_block",
    "convolution",
    "curves",
    "decided",
    "diagonals_scanned",
    "distributions",
    "dumbbells",
    "enlarged",
    "feature_maps",
    "field_growing",
    "fields",
    "frames",
    "gallery",
    "gate_lines",
    "gate_maps",
    "given_fields",
    "guess",
    "influence",
    "intervals",
    "ladder",
    "letters",
    "lines",
    "lstm_sketch",
    "marked",
    "mask_sliding",
    "masks",
    "mixture_parts",
    "nats",
    "network",
    "neurons",
    "numbers",
    "opinions",
    "passes",
    "raster",
    "register_tile",
    "roofline",
    "row_taps",
    "rows_scanned",
    "save_completions",
    "save_explanation",
    "save_loss_curve",
    "save_scales",
    "save_sheet",
    "seeds",
    "sheet",
    "sheets",
    "sketch",
    "sketches",
    "skewed",
    "states_kept",
    "tensor",
    "tile",
    "to_rgb",
    "training_curve",
    "two_scales_drawn",
    "verdicts",
    "wavefront",
    "you_are_here",
]
