"""Shared by the tests: the models that every model test runs on."""

import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(20160125)
