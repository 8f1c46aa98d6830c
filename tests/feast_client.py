"""Feast's SDK reads features of the server at URL (argv[1]) through its remote online store; run in build/clients-venv by protocol_clients_test.py.

Reads {"features": [...], "rows": [...], "token"} from its input; prints what the SDK gives."""
import json
import os
import pathlib
import sys
import tempfile

os.environ["FEAST_USAGE"] = "False"  # Nothing of a test is told to others.
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig  # noqa: E402
from feast.infra.online_stores.remote import RemoteOnlineStore  # noqa: E402
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus  # noqa: E402
from feast.protos.feast.types.EntityKey_pb2 import EntityKey  # noqa: E402
from feast.protos.feast.types.Value_pb2 import Value  # noqa: E402
from feast.types import Float64  # noqa: E402

given = json.load(sys.stdin)


def config_of(folder, token):
    return RepoConfig(project="shop", provider="local", registry=str(pathlib.Path(folder) / "registry.db"), entity_key_serialization_version=3,
                      online_store={"type": "remote", "path": sys.argv[1], "connection_retries": 0}, auth={"type": "oidc", "token": token})


with tempfile.TemporaryDirectory() as folder:
    config = config_of(folder, given["token"])
    store = FeatureStore(config=config)
    features = [f"shop:{name}" for name in given["features"]]
    plain = store.get_online_features(features=features, entity_rows=given["rows"])
    full = store.get_online_features(features=features, entity_rows=given["rows"], full_feature_names=True)
    statuses = {name: [FieldStatus.Name(s) for s in result.statuses] for name, result in zip(plain.proto.metadata.feature_names.val, plain.proto.results)}
    # The way of a store's own readers: a view's features by keys, of which Feast sends the first entity alone.
    view = FeatureView(name="shop", entities=[Entity(name="user_id")], schema=[Field(name=name, dtype=Float64) for name in given["features"]],
                       source=FileSource(path="none.parquet", timestamp_field="ts"))
    keys = [EntityKey(join_keys=["user_id"], entity_values=[Value(string_val=row["user_id"])]) for row in given["rows"]]
    read = [{name: getattr(value, value.WhichOneof("val")) if value.WhichOneof("val") else None for name, value in values.items()}
            for _, values in RemoteOnlineStore().online_read(config, view, keys, given["features"])]
    try:
        FeatureStore(config=config_of(folder, "another token")).get_online_features(features=features, entity_rows=given["rows"])
        refused = None
    except Exception as error:  # noqa: BLE001: whatever Feast makes of it is what is looked at.
        refused = str(error)
    print(json.dumps({"plain": plain.to_dict(), "full": full.to_dict(), "statuses": statuses, "read": read, "refused": refused}))
