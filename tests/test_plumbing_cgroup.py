import pytest

from spamft.plumbing.cgroup import cpu_quota, memory_limit


@pytest.fixture
def machine(tmp_path):
    """A machine that tells a process of its groups as Linux does."""

    def make(group: str, mount: str, files: dict[str, str], root: str = "/"):
        top = tmp_path / "sys"
        for name, content in files.items():
            path = top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        (tmp_path / "cgroup").write_text(group)
        kind = mount.format(root=root, top=top)
        (tmp_path / "mountinfo").write_text(
            f"22 1 0:21 / /proc rw,relatime - proc proc rw\n{kind}\n"
        )
        return tmp_path

    return make


ONE = "33 31 0:30 {root} {top} rw shared:9 - cgroup cgroup rw,%s"
TWO = "35 31 0:28 {root} {top} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"


def test_version_2_tells_of_time_in_a_period(machine):
    files = {"cpu.max": "150000 100000\n", "memory.max": "1048576\n"}
    process = machine("0::/\n", TWO, files)
    assert cpu_quota(process) == 1.5 and memory_limit(process) == 2**20


def test_version_1_has_two_files_for_it(machine):
    files = {"cpu.cfs_quota_us": "50000\n", "cpu.cfs_period_us": "100000\n"}
    assert cpu_quota(machine("4:cpu,cpuacct:/\n", ONE % "cpu,cpuacct", files)) == 0.5
    files = {"memory.limit_in_bytes": "2097152\n"}
    assert memory_limit(machine("5:memory:/\n", ONE % "memory", files)) == 2**21


@pytest.mark.parametrize(
    "group, mount, files",
    [
        ("0::/\n", TWO, {"cpu.max": "max 100000\n", "memory.max": "max\n"}),
        (
            "4:cpu:/\n5:memory:/\n",
            ONE % "cpu,memory",
            {
                "cpu.cfs_quota_us": "-1\n",
                "cpu.cfs_period_us": "100000\n",
                "memory.limit_in_bytes": "9223372036854771712\n",
            },
        ),
        ("0::/\n", TWO, {}),
        ("4:cpu:/\n", ONE % "pids", {"cpu.max": "1 2\n"}),
    ],
)
def test_without_a_limit_it_is_none(machine, group, mount, files):
    process = machine(group, mount, files)
    assert cpu_quota(process) is None and memory_limit(process) is None


def test_the_narrowest_group_on_the_way_up_counts(machine):
    files = {
        "cpu.max": "max 100000\n",
        "a/cpu.max": "200000 100000\n",
        "a/b/cpu.max": "300000 100000\n",
        "c/cpu.max": "100000 100000\n",
    }
    assert cpu_quota(machine("0::/a/b\n", TWO, files)) == 2


def test_a_container_may_see_its_group_as_the_outermost(machine):
    """With version 1 it is told of the host's name for it, which it cannot open."""
    files = {"cpu.cfs_quota_us": "400000\n", "cpu.cfs_period_us": "100000\n"}
    for root in ("/docker/12ab", "/elsewhere"):
        process = machine("4:cpu:/docker/12ab\n", ONE % "cpu", files, root)
        assert cpu_quota(process) == 4


def test_another_system_has_no_groups(tmp_path):
    assert cpu_quota(tmp_path) is None and memory_limit(tmp_path) is None
