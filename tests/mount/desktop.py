# SPDX-License-Identifier: Apache-2.0
"""File managers on a screen that nobody sees, driven by keys as a person would."""
import os
import subprocess
import time

from commands import run, start, wait_until
from person import PersonalMount

# A window is one of these; what the window manager shows of its own is not.
PROGRAMS = "^(pcmanfm|thunar|nemo|(.*[.])?mousepad)$"


class Screen:
    """An X server on a display number of its own choice."""

    def __init__(self, size="900x600"):
        reader, writer = os.pipe()
        self.server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writer), "-screen", "0", f"{size}x24", "-nolisten", "tcp", "-noreset", "-ac"],
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

    def windows(self):
        """Their titles by their ids; a dialog may have an empty one, and so has a field to search in."""
        found = run("xdotool", "search", "--onlyvisible", "--class", PROGRAMS, env=self.environment).out.split()
        titles = {window: run("xdotool", "getwindowname", window, env=self.environment) for window in found}
        return {window: title.out.removesuffix("\n") for window, title in titles.items() if title.status == 0}

    def titles(self):
        return list(self.windows().values())

    def settle(self, still_for):
        """Until the picture has not changed for so many seconds."""
        last = [None, time.monotonic()]

        def still():
            picture = self.picture()
            if picture != last[0]:
                last[:] = picture, time.monotonic()
            return time.monotonic() - last[1] > still_for

        wait_until(still, 20, "a picture that stays")


class FileManager:
    """What a person does with the only window of a file manager.  `album` is the directory for what it shows."""

    title = "{}"       # of its window, around the name of the directory
    still_for = 0.5

    def __init__(self, screen, album):
        self.screen = screen
        self.album = album

    def wait_for(self, name):
        """That one window and no other: an error would be a window more."""
        wait_until(lambda: self.screen.titles() == [self.title.format(name)], 20, f"the window {name}")
        self.screen.settle(self.still_for)

    def select(self, name):
        """Typing a name moves to it, shortly after the last letter."""
        self.screen.keys("type", "--delay", "20", name)
        self.screen.settle(self.still_for)

    def open(self, name):
        self.select(name)
        self.screen.keys("key", "Return")
        self.wait_for(name)

    def dialog(self, key):
        """A key that opens another window; that window's title."""
        before = self.screen.windows()

        def new():
            return [title for window, title in self.screen.windows().items() if window not in before]

        self.screen.keys("key", key)
        title = wait_until(new, 20, f"the window of {key}")[0]
        self.screen.settle(self.still_for)
        return title

    def command(self, key, answer=None):
        """A key that opens a dialog, what to type into that, and Return."""
        self.dialog(key)
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


class PCManFM(FileManager):
    """Alone on its screen, without a window manager and a bus: everything that it does to a mount it does without."""

    still_for = 0.7

    def __init__(self, screen, home, album, directory):
        super().__init__(screen, album)
        os.makedirs(home, exist_ok=True)
        with open(f"{home}/.gtkrc-2.0", "w", encoding="ascii") as settings:
            settings.write("gtk-cursor-blink = 0\n")
        environment = {**screen.environment, "HOME": str(home), "XDG_RUNTIME_DIR": str(home),
                       "XDG_CONFIG_HOME": f"{home}/.config", "DBUS_SESSION_BUS_ADDRESS": "disabled:"}
        self.process = start("pcmanfm", "--no-desktop", directory, env=environment)
        self.wait_for(os.path.basename(directory))

    def close(self):
        self.process.kill()
        self.process.wait(10)


class HomeMount(PersonalMount):
    """Where the sidebars of file managers show it: in the home of whoever mounts it, under a name of its own."""

    place = "cbs"


SETTINGS = {
    ".config/gtk-3.0/settings.ini": "[Settings]\ngtk-cursor-blink=0\ngtk-enable-animations=0\n",
    ".config/glib-2.0/settings/keyfile": """[org/nemo/preferences]
default-folder-viewer='list-view'
date-format='iso'
[org/nemo/list-view]
default-visible-columns=['name', 'size', 'date_modified']
[org/nemo/window-state]
maximized=true
sidebar-width=200
[org/xfce/mousepad/preferences/window]
remember-position=true
[org/xfce/mousepad/state/window]
width=uint32 660
height=uint32 330
left=uint32 340
top=uint32 270
""",
    ".config/xfce4/xfconf/xfce-perchannel-xml/thunar.xml": """<?xml version="1.0" encoding="UTF-8"?>
<channel name="thunar" version="1.0">
  <property name="last-view" type="string" value="ThunarDetailsView"/>
  <property name="last-window-maximized" type="bool" value="true"/>
  <property name="last-location-bar" type="string" value="ThunarLocationButtons"/>
  <property name="last-separator-position" type="int" value="200"/>
  <property name="misc-date-style" type="string" value="THUNAR_DATE_STYLE_ISO"/>
</channel>
""",
    ".config/xfce4/xfconf/xfce-perchannel-xml/xfwm4.xml": """<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfwm4" version="1.0">
  <property name="general" type="empty">
    <property name="use_compositing" type="bool" value="false"/>
    <property name="prevent_focus_stealing" type="bool" value="false"/>
    <property name="workspace_count" type="int" value="1"/>
  </property>
</channel>
""",
}


class Desktop:
    """A person's screen with a window manager and a bus, whose services end with it."""

    def __init__(self, person, home):
        self.person = person
        self.home = home
        self.screen = Screen("1024x640")
        self.processes = []
        for name, text in SETTINGS.items():
            path = os.path.join(home, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="ascii") as file:
                file.write(text)
        os.makedirs(f"{home}/.run", mode=0o700, exist_ok=True)
        assert run("chown", "-R", f"{person.uid}:{person.gid}", f"{home}/.config", f"{home}/.run").status == 0
        # What would start other file systems and buses, or remember for the next time, has no business here.
        self.environment = {
            **self.screen.environment, "HOME": home, "USER": person.name, "XDG_RUNTIME_DIR": f"{home}/.run",
            "XDG_CONFIG_HOME": f"{home}/.config", "XDG_CACHE_HOME": f"{home}/.cache",
            "XDG_DATA_HOME": f"{home}/.local/share", "XDG_CURRENT_DESKTOP": "XFCE", "TZ": "UTC",
            "GVFS_DISABLE_FUSE": "1", "NO_AT_BRIDGE": "1", "GSETTINGS_BACKEND": "keyfile"}
        bus = self.start("dbus-daemon", "--session", "--nofork", "--print-address=1")
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()
        self.start("xfwm4", "--compositor=off", "--sm-client-disable")
        wait_until(lambda: self.xdotool("search", "--name", "^Xfwm4$").status == 0, 20, "the window manager")

    def start(self, *argv):
        process = start(*self.person.words(*argv), env=self.environment, cwd=self.home)
        self.processes.append(process)
        return process

    def xdotool(self, *words):
        return run("xdotool", *words, env=self.screen.environment)

    def close(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait(10)
        self.screen.close()


class Gtk3Manager(FileManager):
    """A file manager of a desktop, and the text viewer that it opens files with."""

    program = None
    names_later = None
    viewer = "Mousepad"

    def __init__(self, desktop, album, directory):
        super().__init__(desktop.screen, album)
        self.desktop = desktop
        desktop.start(self.program, directory)
        name = os.path.basename(directory)
        wait_until(lambda: self.screen.titles() == [self.title.format(name)], 30, f"a window of {self.program}")
        found = desktop.xdotool("search", "--onlyvisible", "--class", PROGRAMS, "windowactivate", "--sync")
        assert found.status == 0, found.err
        self.wait_for(name)

    def up(self, name):
        """To the directory above, which is `name`."""
        self.screen.keys("key", "alt+Up")
        self.wait_for(name)

    def read(self, name, picture):
        """What the text viewer shows of a file, from its window's text."""
        self.select(name)
        title = self.dialog("Return")
        assert name in title and self.viewer in title, title
        self.photograph(picture)
        self.screen.keys("key", "ctrl+a")
        self.screen.keys("key", "ctrl+c")
        self.screen.settle(self.still_for)
        text = run("xclip", "-out", "-selection", "clipboard", env=self.screen.environment).out
        self.screen.keys("key", "ctrl+q")
        wait_until(lambda: len(self.screen.titles()) == 1, 20, "the end of the viewer")
        return text


class Thunar(Gtk3Manager):
    program = "thunar"
    title = "{} - Thunar"
    names_later = False

    def new_folder(self, name, _made):
        self.command("ctrl+shift+n", name)

    def ask_for_new_folder(self, name):
        """One that is refused."""
        self.new_folder(name, None)
        wait_until(lambda: "Attention" in self.screen.titles(), 20, "the word of refusal")
        self.screen.settle(self.still_for)

    def rename(self, name):
        self.command("F2", name)

    def click_first_button(self, title):
        """That at the left of the lower edge of the dialog with this title."""
        window = next(window for window, found in self.screen.windows().items() if found == title)
        shape = run("xdotool", "getwindowgeometry", "--shell", window, env=self.screen.environment).out
        height = int(dict(line.split("=") for line in shape.split())["HEIGHT"])
        self.screen.keys("mousemove", "--window", window, "40", str(height - 20), "click", "1")


class Nemo(Gtk3Manager):
    """It asks for names where they stand, and names a new folder when it is there already."""

    program = "nemo"
    names_later = True

    def name_in_place(self, name):
        self.screen.settle(self.still_for)
        self.screen.keys("key", "ctrl+a")
        self.screen.keys("type", "--delay", "20", name)
        self.screen.keys("key", "Return")

    def new_folder(self, name, made):
        self.screen.keys("key", "ctrl+shift+n")
        wait_until(made, 20, "the folder without a name")
        self.screen.settle(self.still_for)
        self.photograph("nemo-untitled")
        self.name_in_place(name)

    def ask_for_new_folder(self, _name):
        """One that is refused, before it could have a name."""
        self.dialog("ctrl+shift+n")

    def rename(self, name):
        self.screen.keys("key", "F2")
        self.name_in_place(name)
