"""Without torch: importing tapeless asks for none, and its layer says what to install."""

SCRIPT = """
import sys
sys.modules["torch"] = None  # as if it were not installed
import tapeless
try:
    import tapeless.interop.torch
except ImportError as error:
    print(error)
"""


def test_a_missing_torch_is_named_with_what_installs_it(run_python):
    said = run_python(SCRIPT)
    assert "torch is not installed; pip install 'tapeless[torch]'" in said


def test_importing_tapeless_imports_no_framework(run_python):
    assert run_python("import sys, tapeless; print('torch' in sys.modules)").strip() == "False"
