// SPDX-License-Identifier: Apache-2.0
// weights_case IN OUT [IN OUT]...: writes what read_weights finds in each IN
// as a safetensors file, or why it finds nothing as text.
#include <cstdio>
#include <exception>
#include <string>

#include "gasm/base/file.hpp"
#include "gasm/ckpt/weights.hpp"

int main(int argc, char** argv) {
  if (argc < 3 || argc % 2 == 0) {
    std::fprintf(stderr, "usage: weights_case IN OUT [IN OUT]...\n");
    return 2;
  }
  try {
    for (int i = 1; i < argc; i += 2) {
      auto const file = gasm::read_weights(argv[i]);
      if (file)
        gasm::value_or_throw(gasm::write_safetensors(argv[i + 1], *file));
      else
        gasm::value_or_throw(
            gasm::publish_file(argv[i + 1], file.error().what()));
    }
    return 0;
  } catch (std::exception const& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
