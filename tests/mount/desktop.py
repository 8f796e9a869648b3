# SPDX-License-Identifier: Apache-2.0
"""A file manager on a screen that nobody sees, driven by keys as a person would."""
import os
import subprocess
import time

from commands import run, start, wait_until


class Screen:
    """An X server on a display number of its own choice."""

    def __init__(self):
        reader, writer = os.pipe()
        self.server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writer), "-screen", "0", "900x600x24", "-nolisten", "tcp", "-noreset"],
            pass_fds=[writer], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(writer)
        with os.fdopen(reader) as answer:
            number = answer.readline().strip()
        assert number, "Xvfb did not start"
        self.environment = {"DISPLAY": f":{number}"}

    def close(self):
        self.server.terminate()
        self.server.wait(10)

    def keys(self, *words):
        result = run("xdotool", *words, env=self.environment)
        assert result.status == 0, result.err

    def picture(self):
        """Its pixels; equal pictures are equal bytes."""
        result = subprocess.run(["import", "-window", "root", "rgb:-"], env={**os.environ, **self.environment},
                                stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=True)
        return result.stdout

    def save(self, path):
        assert run("import", "-window", "root", path, env=self.environment).status == 0

    def titles(self):
        return run("xdotool", "search", "--onlyvisible", "--name", ".", "getwindowname", "%@",
                   env=self.environment).out.splitlines()


class FileManager:
    """PCManFM with settings of its own, and the directory for what it shows."""

    def __init__(self, screen, home, album, directory):
        self.screen = screen
        self.album = album
        os.makedirs(home, exist_ok=True)
        with open(f"{home}/.gtkrc-2.0", "w", encoding="ascii") as settings:
            settings.write("gtk-cursor-blink = 0\n")
        # No bus: everything that it does to a mount it does without one.
        environment = {**screen.environment, "HOME": str(home), "XDG_RUNTIME_DIR": str(home),
                       "XDG_CONFIG_HOME": f"{home}/.config", "DBUS_SESSION_BUS_ADDRESS": "disabled:"}
        self.process = start("pcmanfm", "--no-desktop", directory, env=environment)
        self.wait_for(os.path.basename(directory))

    def close(self):
        self.process.kill()
        self.process.wait(10)

    def wait_for(self, title):
        """That one window and no other: an error would be a window more."""
        wait_until(lambda: self.screen.titles() == [title], 20, f"the window {title}")
        self.settle()

    def settle(self):
        """Until the picture has stopped changing."""
        last = [None, time.monotonic()]

        def still():
            picture = self.screen.picture()
            if picture != last[0]:
                last[:] = picture, time.monotonic()
            return time.monotonic() - last[1] > 0.7

        wait_until(still, 20, "a picture that stays")

    def select(self, name):
        """Typing a name moves to it, shortly after the last letter."""
        self.screen.keys("type", "--delay", "20", name)
        self.settle()

    def open(self, name):
        self.select(name)
        self.screen.keys("key", "Return")
        self.wait_for(name)

    def command(self, key, answer=None):
        """A key that opens a dialog, what to type into that, and Return."""
        self.screen.keys("key", key)
        wait_until(lambda: len(self.screen.titles()) == 2, 20, f"the dialog of {key}")
        self.settle()
        if answer:
            self.screen.keys("key", "ctrl+a")
            self.screen.keys("type", "--delay", "20", answer)
        self.screen.keys("key", "Return")

    def leave_search(self):
        """Closes the field that select() typed into; what it found stays selected."""
        self.screen.keys("key", "Escape")
        wait_until(lambda: len(self.screen.titles()) == 1, 20, "the end of the search")

    def photograph(self, name):
        self.screen.save(os.path.join(self.album, f"{name}.png"))
