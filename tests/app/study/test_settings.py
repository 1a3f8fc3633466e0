from pathlib import Path

import pytest

from app.settings import Settings
from clpips.errors import StudyError


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = Settings.from_environment({"PORT": ""})
    assert (settings.data_dir, settings.port) == (Path("data/local"), 8501)
    assert settings.address == "127.0.0.1"
    assert settings.weights_dir is None and settings.researcher_password is None


def test_every_variable_is_read() -> None:
    environ = {
        "CLPIPS_DATA": "/tmp/study",
        "PORT": "9000",
        "CLPIPS_WEIGHTS": "/tmp/weights",
        "CLPIPS_ADDRESS": "0.0.0.0",
        "CLPIPS_RESEARCHER_PASSWORD": "open sesame",
    }
    settings = Settings.from_environment(environ)
    assert settings.port == 9000 and settings.address == "0.0.0.0"
    assert settings.weights_dir == Path("/tmp/weights")
    assert settings.researcher_password == "open sesame"
    assert settings.database.parent == settings.images.parent == Path("/tmp/study")


@pytest.mark.parametrize("port", ["http", "0", "65536", "80.5"])
def test_a_bad_port_is_refused_with_its_value(port: str) -> None:
    with pytest.raises(StudyError, match=f"PORT must .*{port}"):
        Settings.from_environment({"PORT": port})


def test_a_file_in_place_of_the_data_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="CLPIPS_DATA must be a folder"):
        Settings.from_environment({"CLPIPS_DATA": str(tmp_path / "file")})


def test_the_password_does_not_show_when_settings_are_printed() -> None:
    assert "sesame" not in repr(Settings(researcher_password="open sesame"))


def test_the_number_of_workers_is_a_setting() -> None:
    assert Settings.from_environment({}).workers == 1
    assert Settings.from_environment({"CLPIPS_WORKERS": "3"}).workers == 3
    for wrong in ("0", "65", "-1"):
        with pytest.raises(StudyError, match="CLPIPS_WORKERS must lie between 1 and 64, got"):
            Settings.from_environment({"CLPIPS_WORKERS": wrong})
    with pytest.raises(StudyError, match="CLPIPS_WORKERS must be a whole number, got 'two'"):
        Settings.from_environment({"CLPIPS_WORKERS": "two"})


def test_the_demo_studies_can_be_left_out() -> None:
    assert Settings.from_environment({}).demo_studies
    assert not Settings.from_environment({"CLPIPS_DEMO": "0"}).demo_studies
    with pytest.raises(StudyError, match="CLPIPS_DEMO must be 0 or 1, got 'no'"):
        Settings.from_environment({"CLPIPS_DEMO": "no"})
