// SPDX-License-Identifier: Apache-2.0
#include "publish_tensors.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <system_error>

#include "gasm/base/file.hpp"

namespace gasm {

void publish_tensors(std::filesystem::path const& path,
                     TensorFile const& file) {
  std::filesystem::path const draft =
      fmt::format("{}.tmp-{}", path.string(), ::getpid());
  auto written = write_safetensors(draft, file);
  auto const renamed =
      written ? publish_rename(draft, path)
              : Result<void>(tl::unexpected<Error>(written.error()));
  if (renamed) return;
  std::error_code none;
  std::filesystem::remove(draft, none);
  throw renamed.error();
}

}  // namespace gasm
