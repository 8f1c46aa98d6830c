"""A server with a certificate, asked by Python's own TLS; files read anew at SIGHUP, bad ones refused."""
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import time
import unittest

from gfr_process import GFR, Folder, Server, event, eventually, run

MAKE_CERTIFICATE = os.environ["GFR_MAKE_CERTIFICATE"]


def make_certificate(folder, name):
    subprocess.run([MAKE_CERTIFICATE, folder / f"{name}.pem", folder / f"{name}.key"], check=True)


def make_project(folder):
    run("init", folder / "p")
    toml = folder / "p/gfr.toml"
    toml.write_text(toml.read_text().replace("[serve]\n", f'[serve]\ntls_certificate = "{folder}/server.pem"\ntls_key = "../server.key"\n', 1))
    make_certificate(folder, "server")
    return folder / "p"


def ask(port, authority, path, body=None, **context_options):
    """One call over verified TLS; gives the status, the parsed reply and the version of TLS."""
    context = ssl.create_default_context(cafile=authority)
    for name, value in context_options.items():
        setattr(context, name, value)
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=300)
    try:
        connection.request("POST" if body else "GET", path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read()
        return response.status, json.loads(text) if text.startswith(b"{") else text.decode(), connection.sock.version() if connection.sock else None
    finally:
        connection.close()


class Tls(unittest.TestCase):
    def test_events_and_feeds_over_tls_of_both_versions(self):
        with Folder() as folder:
            with Server(make_project(folder)) as server:
                authority = folder / "server.pem"
                run("status", "--ready", "--url", f"127.0.0.1:{server.port}")  # The probe of this machine, without the authority.
                now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
                status, reply, _ = ask(server.port, authority, "/v1/events", [event(n, time=now) for n in range(500)])
                self.assertEqual((status, reply["accepted"]), (202, 500))
                status, reply, _ = ask(server.port, authority, "/v1/feed", {"user_id": "u1", "candidates": ["i1", "i2"]}, maximum_version=ssl.TLSVersion.TLSv1_2)
                self.assertEqual((status, len(reply["items"])), (200, 2))
                for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
                    context = ssl.create_default_context(cafile=authority)
                    context.minimum_version = context.maximum_version = version
                    with socket.create_connection(("127.0.0.1", server.port)) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                        self.assertEqual(secure.version(), name)
                        secure.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                        answer = b""
                        while piece := secure.recv(4096):  # To the server's close_notify: a cut would raise.
                            answer += piece
                        self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer)
                self.assertEqual(server.stop(), 0)

    def test_older_versions_and_unknown_authorities_are_refused(self):
        with Folder() as folder:
            with Server(make_project(folder)) as server:
                make_certificate(folder, "other")
                with self.assertRaises(ssl.SSLCertVerificationError):
                    ask(server.port, folder / "other.pem", "/livez")
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                context.set_ciphers("ALL:@SECLEVEL=0")
                context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
                with socket.create_connection(("127.0.0.1", server.port)) as plain, self.assertRaises((ssl.SSLError, ConnectionError)):
                    context.wrap_socket(plain)
                self.assertEqual(ask(server.port, folder / "server.pem", "/livez")[0], 200)

    def test_a_hangup_takes_new_files_and_bad_ones_leave_the_old(self):
        with Folder() as folder:
            with Server(make_project(folder)) as server:
                (folder / "before.pem").write_text((folder / "server.pem").read_text())
                make_certificate(folder, "server")
                server.process.send_signal(signal.SIGHUP)

                def is_new():
                    try:
                        return ask(server.port, folder / "server.pem", "/livez")[0] == 200
                    except ssl.SSLCertVerificationError:
                        return False

                eventually(is_new, "the new certificate is shown")
                with self.assertRaises(ssl.SSLCertVerificationError):
                    ask(server.port, folder / "before.pem", "/livez")
                (folder / "server.key").write_text("no key")
                server.process.send_signal(signal.SIGHUP)
                eventually(lambda: "not taken; those read before stay" in server.process.stderr.readline(), "it says so")
                self.assertEqual(ask(server.port, folder / "server.pem", "/livez")[0], 200)

    def test_bad_files_are_refused_at_the_start(self):
        with Folder() as folder:
            project = make_project(folder)
            (folder / "server.pem").write_text("no certificate")
            done = subprocess.run([GFR, "serve", "--project", project, "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=300)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("server.pem is not a certificate in PEM", done.stderr)
            (folder / "server.pem").unlink()
            done = subprocess.run([GFR, "serve", "--project", project, "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=300)
            self.assertIn("server.pem", done.stderr)
            self.assertEqual(done.returncode, 1)


if __name__ == "__main__":
    unittest.main()
