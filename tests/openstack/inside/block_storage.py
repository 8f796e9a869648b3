# SPDX-License-Identifier: Apache-2.0
"""Cinder's API, scheduler and volume manager in one process, so that a message queue inside it is enough."""
import eventlet

eventlet.monkey_patch()

import sys

from oslo_config import cfg
from oslo_log import log as logging
from oslo_service import service as launching

from cinder import objects

objects.register_all()

from cinder import rpc, service, version
from cinder.cmd import scheduler, volume  # their options
from cinder.common import config

__all__ = ["scheduler", "volume", "config"]


def main():
    settings = cfg.CONF
    logging.register_options(settings)
    settings(sys.argv[1:], project="cinder", version=version.version_string())
    logging.setup(settings, "cinder")
    launcher = launching.ServiceLauncher(settings)
    launcher.launch_service(service.Service.create(binary="cinder-scheduler"))
    for backend in settings.enabled_backends:
        launcher.launch_service(service.Service.create(
            binary="cinder-volume", service_name=backend, host=f"{settings.host}@{backend}", coordination=True))
    if not rpc.initialized():
        rpc.init(settings)
    launcher.launch_service(service.WSGIService("osapi_volume"))
    launcher.wait()


main()
