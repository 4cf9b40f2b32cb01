# SPDX-License-Identifier: Apache-2.0
"""What the tests of the commands that look after a data set have in common."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from gasm_cli import command_of, environment_of

SMALL_SET = ("--level", "S", "--train-draws", "3", "--val-draws", "1", "--test-draws", "1")


def run(*words, ranks=0, seconds=240):
    done = subprocess.run(command_of(words, ranks), capture_output=True, text=True,
                          timeout=seconds, env=environment_of(None), check=False)
    return done.returncode, done.stdout, done.stderr


class Case(unittest.TestCase):
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        """A set of 12 training clips and three times 4 others, and two stores."""
        cls.set = pathlib.Path(tempfile.mkdtemp(prefix="gasm-care-"))
        cls.addClassCleanup(shutil.rmtree, cls.set, ignore_errors=True)
        code, out, err = run("synth", *SMALL_SET, "--output", cls.set)
        assert code == 0, out + err
        for split in ("train", "validation"):
            code, out, err = run("data", "pack", *cls.where(cls.set), "--split", split,
                                 "--output", cls.set / f"{split}.h5")
            assert code == 0, out + err

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gasm-care-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    @staticmethod
    def where(folder):
        return "--videos", folder / "videos", "--labels", folder / "labels"

    def good(self, *words, **options):
        code, out, err = run(*words, **options)
        self.assertEqual(code, 0, f"{words}\n{out}\n{err}")
        return out

    def bad(self, code, pattern, *words, **options):
        found, out, err = run(*words, **options)
        self.assertEqual(found, code, f"{words}\n{out}\n{err}")
        errors = [line for line in err.splitlines() if line.startswith("error: ")]
        self.assertEqual(len(errors), 1, err)
        self.assertRegex(errors[0], pattern)

    def copy_set(self):
        for name in ("videos", "labels"):
            shutil.copytree(self.set / name, self.folder / name)
        return self.folder
