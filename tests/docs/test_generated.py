import pathlib

from tapeless import docs

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "methods.md"


def test_page_of_methods_is_what_the_registries_say():
    assert PAGE.read_text(encoding="utf-8") == docs.methods_page(), "run: make docs"


def test_page_is_written_where_it_is_wanted(tmp_path, capsys):
    assert docs.main(tmp_path / "methods.md") == 0
    assert (tmp_path / "methods.md").read_text(encoding="utf-8") == docs.methods_page()
    assert docs.main(tmp_path / "absent" / "methods.md") == 1
    assert "there is no folder" in capsys.readouterr().err
