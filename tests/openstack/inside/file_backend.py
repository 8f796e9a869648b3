# SPDX-License-Identifier: Apache-2.0
"""Where Cinder's volumes are: a small file for each, which a test may write as a virtual machine would.

What a project's volumes go through is said by conf/backend/PROJECT, read at each call: lines of an action and the
seconds that it takes, or `fail`.  While conf/backend/temporary-snapshots is there, reverting makes one, as with LVM.
"""
import os
import shutil
import time

from oslo_config import cfg

from cinder import exception
from cinder.volume import configuration, driver

cfg.CONF.register_opts([cfg.StrOpt("cbsfs_directory", default="")], group=configuration.SHARED_CONF_GROUP)


class FileDriver(driver.VolumeDriver):
    VERSION = "1"

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.configuration.append_config_values([cfg.StrOpt("cbsfs_directory", default="")])

    def place(self, *parts):
        return os.path.join(self.configuration.cbsfs_directory, *parts)

    def said(self, project):
        try:
            with open(self.place("conf", "backend", project), encoding="ascii") as file:
                return dict(line.split() for line in file if line.strip())
        except FileNotFoundError:
            return {}

    def go_through(self, action, project):
        word = self.said(project).get(action, "0")
        if word == "fail":
            raise exception.VolumeBackendAPIException(data=f"told to fail: {action}")
        time.sleep(float(word))

    def data(self, identifier):
        return self.place("volumes", identifier)

    def copy(self, source, to):
        """What a test has put into Cinder's tables alone has no file, and is empty."""
        with open(self.data(source), "ab"):
            pass
        shutil.copyfile(self.data(source), self.data(to))

    def check_for_setup_error(self):
        os.makedirs(self.place("volumes"), exist_ok=True)

    def create_volume(self, volume):
        self.go_through("create_volume", volume.project_id)
        with open(self.data(volume.id), "wb"):
            pass

    def delete_volume(self, volume):
        self.go_through("delete_volume", volume.project_id)
        self.remove(volume.id)

    def create_snapshot(self, snapshot):
        self.go_through("create_snapshot", snapshot.project_id)
        self.copy(snapshot.volume_id, snapshot.id)

    def delete_snapshot(self, snapshot):
        self.go_through("delete_snapshot", snapshot.project_id)
        self.remove(snapshot.id)

    def revert_to_snapshot(self, context, volume, snapshot):
        self.go_through("revert_to_snapshot", snapshot.project_id)
        self.copy(snapshot.id, volume.id)

    def snapshot_revert_use_temp_snapshot(self):
        return os.path.exists(self.place("conf", "backend", "temporary-snapshots"))

    def create_volume_from_snapshot(self, volume, snapshot):
        self.copy(snapshot.id, volume.id)

    def remove(self, identifier):
        try:
            os.unlink(self.data(identifier))
        except FileNotFoundError:
            pass

    def extend_volume(self, volume, new_size):
        pass

    def ensure_export(self, context, volume):
        pass

    def create_export(self, context, volume, connector):
        pass

    def remove_export(self, context, volume):
        pass

    def initialize_connection(self, volume, connector):
        return {"driver_volume_type": "local", "data": {"device_path": self.data(volume.id)}}

    def terminate_connection(self, volume, connector, **keywords):
        pass

    def get_volume_stats(self, refresh=False):
        return {"volume_backend_name": self.configuration.safe_get("volume_backend_name"), "vendor_name": "cbsfs",
                "driver_version": self.VERSION, "storage_protocol": "file", "total_capacity_gb": "infinite",
                "free_capacity_gb": "infinite", "reserved_percentage": 0, "QoS_support": False}
