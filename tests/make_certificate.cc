// make_certificate CERTIFICATE KEY: a certificate for 127.0.0.1 that signs itself, for tests of other programs.
#include "serve/test_certificate.h"

int main(int argc, char** argv) { return argc == 3 && gfr::MakeTestCertificate(argv[1], argv[2]) ? 0 : 1; }
