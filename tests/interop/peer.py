"""SINETStream for Python as the other side of a conversation.

usage: peer.py BROKER CA_CERTS USER PASSWORD CONFIG

Writes the configuration file CONFIG with one service for each combination of parameters, listens on the topic
"<service>/there" of each, and answers on "<service>/back" with the value reversed and the time unchanged. Prints a line
"service NAME VALUE_TYPE" for each, then "ready"; reports a message that it can't read as "error SERVICE WHAT". Ends when its
input ends.
"""
import logging
import os
import sys
import threading
import warnings

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)

import yaml  # noqa: E402
from sinetstream import MessageReader, MessageWriter  # noqa: E402

MODES = {"CBC": "pkcs7", "OFB": "none", "CTR": "none", "EAX": "none", "GCM": "none"}
COMPRESSIONS = {"gzip": {"algorithm": "gzip", "level": 9}, "zstd": {"algorithm": "zstd", "level": 3}, "lz4": {"algorithm": "lz4"}}
DEADLINE = 60


def crypto(mode, key_length=128, padding=None, **secret):
    found = {"algorithm": "AES", "key_length": key_length, "mode": mode, "padding": padding or MODES[mode]}
    found.update(secret or {"password": "a pass phrase"})
    return {"data_encryption": True, "crypto": found}


def derived(**parameters):
    return {"algorithm": "pbkdf2", **parameters}


def combinations():
    """Returns the names of the services and their parameters."""
    for message_format in (2, 3):
        for mode in (None, *MODES):
            for compression in (None, *COMPRESSIONS):
                name = f"format{message_format}-{mode}-{compression}"
                parameters = {"message_format": message_format}
                if mode:
                    parameters.update(crypto(mode))
                if compression:
                    parameters.update(data_compression=True, compression=COMPRESSIONS[compression])
                yield name, parameters
    yield "values-alone", {"user_data_only": True}
    yield "default-compression", {"data_compression": True}
    for mode in ("OFB", "CTR"):
        yield f"padded-{mode}", crypto(mode, padding="pkcs7")
    for key_length in (192, 256):
        for mode in MODES:
            yield f"{mode}-{key_length}", crypto(mode, key_length)
    for mode in MODES:
        yield f"key-{mode}", crypto(mode, 256, key=bytes(range(32)))
        yield f"keys-{mode}", crypto(mode, 128, _keys={1: bytes(16), 7: bytes(range(16))})
    yield "derivation", crypto("GCM", password="p", key_derivation=derived(salt_bytes=16, iteration=2000))
    yield "prf", crypto("EAX", password="p", key_derivation=derived(prf="HMAC-SHA512"))


def tell(*words):
    with TELLING:
        print(*words, flush=True)


TELLING = threading.Lock()


def answer(reader, writer, name):
    """Sends each value back, until the reader is closed."""
    messages = iter(reader)
    while True:
        try:
            message = next(messages)
        except StopIteration:
            return
        except Exception as error:
            tell("error", name, repr(error))
            continue
        # Half a microsecond is added, because the library truncates.
        writer.publish(message.value[::-1], timestamp=(message.timestamp_us + 0.5) / 1e6)


def main():
    broker, ca_certs, user, password, config = sys.argv[1:]
    services = {}
    for number, (name, parameters) in enumerate(combinations()):
        services[name] = {
            "type": "mqtt",
            "brokers": broker,
            "consistency": "AT_LEAST_ONCE",
            "value_type": ("text", "byte_array")[number % 2],
            "tls": {"ca_certs": ca_certs},
            "username_pw_set": {"username": user, "password": password},
            **parameters,
        }
    with open(config, "w", encoding="utf-8") as file:
        yaml.safe_dump({"header": {"version": 2}, "config": services}, file, sort_keys=False)
    subscribed = []
    for name, parameters in services.items():
        reader = MessageReader(name, f"{name}/there", config_file=config)
        done = threading.Event()
        # The library does not wait for the SUBACK.
        reader._plugin._mqttc.on_subscribe = lambda *_, done=done: done.set()
        reader.open()
        writer = MessageWriter(name, f"{name}/back", config_file=config)
        writer.open()
        threading.Thread(target=answer, args=(reader, writer, name), daemon=True).start()
        subscribed.append(done)
        tell("service", name, parameters["value_type"])
    if not all(done.wait(DEADLINE) for done in subscribed):
        sys.exit("no SUBACK")
    tell("ready")
    sys.stdin.read()


if __name__ == "__main__":
    main()
    # The exit does not wait for the library's threads.
    os._exit(0)
