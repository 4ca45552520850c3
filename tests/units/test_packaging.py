"""What a package of this repository claims about itself."""

from __future__ import annotations

import re
import tomllib

from appliance import __version__
from tests.units.machine import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def test_the_licence_is_mit_and_says_why_the_sensor_stands_alone() -> None:
    licence, _, note = (REPOSITORY / "LICENSE").read_text().partition("\n---")
    assert PROJECT["license"] == licence.split()[0] == "MIT"
    assert licence.rstrip().endswith(
        "OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE\nSOFTWARE."
    )
    assert "scapy" in note
    assert "version 2 only" in note


def test_the_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## \[(.+)\]", (REPOSITORY / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == __version__


def test_every_file_that_the_package_names_is_there() -> None:
    for name in (PROJECT["readme"], *PROJECT["license-files"]):
        assert (REPOSITORY / name).is_file(), name
