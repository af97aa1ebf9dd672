"""Which tests `make test` leaves to `make test-slow`: the only list of them.

The first tier has every oracle (twins, finite differences, causality, normalisation, stored values,
steps), the command line's main paths and the notebooks' exercises. What is here takes long, by
`pytest --durations=0`, and looks at edges: faults, fuzzing, ranks, whole notebooks, tools.
A line is a file, or one test of a file with all its parameters.
"""

SLOW = {
    # runs that are killed, and files that are damaged
    "test_cli_damage.py",
    "test_faults.py",
    "test_interrupts.py",
    "test_nothing_runs.py",
    # invented inputs
    "test_coding.py::test_round_trips",
    "test_fuzz.py",
    "test_properties.py",
    "test_properties_cli.py",
    # other processes: ranks, terminals, forks, empty caches, a Numba that lacks something
    "test_backend.py::test_compiled_twins_are_kept_until_any_of_their_files_changes",
    "test_backend.py::test_without_the_internals_of_numba_the_compiled_twins_compute",
    "test_cli_exits.py",
    "test_consoles.py",
    "test_copies.py",
    "test_kernel_cache.py",
    "test_launchers.py",
    "test_mpi.py",
    "test_vector_bits.py",
    # notebooks, pages and the site as they are read
    "test_page.py",
    "test_record_page.py",
    "test_notebooks.py::test_runs_from_top_to_bottom",
    "test_site.py",
    # what makes figures and weights, not what is in them
    "test_benchmarks.py",
    "test_matplotlibrc.py",
    "test_ship.py",
}


def is_slow(item):
    """Whether a collected test is on the list."""
    name = item.path.name
    return name in SLOW or f"{name}::{getattr(item, 'originalname', item.name)}" in SLOW
