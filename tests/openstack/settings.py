# SPDX-License-Identifier: Apache-2.0
"""The configuration of a cloud's services, as text."""
import json

KEYSTONE = """\
[DEFAULT]
log_file = {directory}/log/keystone.log
use_stderr = false
[database]
connection = mysql+pymysql://root@localhost/keystone?charset=utf8mb4&unix_socket={directory}/run/mysql.sock
[fernet_tokens]
key_repository = {directory}/keys/fernet
[fernet_receipts]
key_repository = {directory}/keys/fernet
[credential]
key_repository = {directory}/keys/credential
[token]
expiration = {token_life}
allow_expired_window = 0
[identity]
# So that a log-in costs what the network costs, and not the hash.
password_hash_rounds = 4
[catalog]
# A region that a test adds has to be in the next token, whoever asked for one at the same moment.
caching = false
[cache]
enabled = true
backend = dogpile.cache.memory
"""

CINDER = """\
[DEFAULT]
log_file = {directory}/log/cinder.log
use_stderr = false
host = cloud
my_ip = 127.0.0.1
transport_url = fake://
auth_strategy = keystone
state_path = {directory}/cinder
api_paste_config = {directory}/conf/api-paste.ini
resource_query_filters_file = {directory}/conf/filters.json
osapi_volume_listen = 127.0.0.1
osapi_volume_listen_port = {cinder_port}
osapi_volume_workers = 1
osapi_volume_use_ssl = {tls}
osapi_max_limit = {page}
enabled_backends = file
default_volume_type = file
quota_volumes = -1
quota_snapshots = -1
quota_gigabytes = -1
# Services that share a process share one heartbeat too, so that it says nothing.
service_down_time = 1000000000
backend_stats_polling_interval = 5
[ssl]
{certificate}
[database]
connection = mysql+pymysql://root@localhost/cinder?charset=utf8mb4&unix_socket={directory}/run/mysql.sock
max_pool_size = 20
[oslo_concurrency]
lock_path = {directory}/cinder
[coordination]
backend_url = file://{directory}/cinder
[oslo_policy]
# Without it a reader may make snapshots in this release.
enforce_new_defaults = true
[keystone_authtoken]
auth_type = password
auth_url = {identity}
www_authenticate_uri = {identity}
cafile = {authority}
username = cinder
password = {cinder_password}
project_name = service
user_domain_name = Default
project_domain_name = Default
service_token_roles_required = true
interface = public
region_name = RegionOne
[file]
volume_driver = file_backend.FileDriver
volume_backend_name = file
cbsfs_directory = {directory}
"""

PASTE = """\
[composite:osapi_volume]
use = call:cinder.api:root_app_factory
/: versions
/v3: v3
[composite:v3]
use = call:cinder.api.middleware.auth:pipeline_factory
keystone = request_id fault size token context api
[pipeline:versions]
pipeline = request_id fault list
[filter:request_id]
paste.filter_factory = oslo_middleware.request_id:RequestId.factory
[filter:fault]
paste.filter_factory = cinder.api.middleware.fault:FaultWrapper.factory
[filter:size]
paste.filter_factory = oslo_middleware.sizelimit:RequestBodySizeLimiter.factory
[filter:token]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
[filter:context]
paste.filter_factory = cinder.api.middleware.auth:CinderKeystoneContext.factory
[app:api]
paste.app_factory = cinder.api.v3.router:APIRouter.factory
[app:list]
paste.app_factory = cinder.api.versions:Versions.factory
"""

FILTERS = {"volume": ["name", "status", "metadata", "bootable", "availability_zone"],
           "snapshot": ["name", "status", "volume_id", "metadata", "availability_zone"]}


def texts(**values):
    """{file name: what is in it}."""
    return {"keystone.conf": KEYSTONE.format(**values), "cinder.conf": CINDER.format(**values),
            "api-paste.ini": PASTE, "filters.json": json.dumps(FILTERS)}
