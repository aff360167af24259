import pathlib

from tapeless import docs

ROOT = pathlib.Path(__file__).parents[2]
PAGE, C_PAGE, C_HEADER = ROOT / "docs" / "methods.md", ROOT / "docs" / "c.md", ROOT / docs.C_HEADER


def test_page_of_methods_is_what_the_registries_say():
    assert PAGE.read_text(encoding="utf-8") == docs.methods_page(), "run: make docs"


def test_page_and_header_of_c_are_what_the_registry_says():
    assert C_PAGE.read_text(encoding="utf-8") == docs.c_page(C_PAGE.read_text(encoding="utf-8"))
    assert C_HEADER.read_text(encoding="utf-8") == docs.header()


def test_page_is_written_where_it_is_wanted(tmp_path, capsys):
    assert docs.main(tmp_path / "methods.md") == 0
    assert (tmp_path / "methods.md").read_text(encoding="utf-8") == docs.methods_page()
    assert docs.main(tmp_path / "absent" / "methods.md") == 1
    assert "there is no folder" in capsys.readouterr().err
