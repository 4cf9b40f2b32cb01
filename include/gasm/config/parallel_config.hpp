// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "gasm/config/field.hpp"

namespace gasm {

enum class Backend { automatic, mpi, nccl };
constexpr auto choices(Backend) {
  return std::array{Choice{Backend::automatic, "auto"},
                    Choice{Backend::mpi, "mpi"}, Choice{Backend::nccl, "nccl"}};
}

enum class Compression { none, bf16 };
constexpr auto choices(Compression) {
  return std::array{Choice{Compression::none, "none"},
                    Choice{Compression::bf16, "bf16"}};
}

struct ParallelConfig {
  Backend backend = Backend::automatic;
  double first_bucket_mb = 1;
  double bucket_mb = 25;
  Compression compress = Compression::none;
  bool zero1 = false;
  int virtual_ranks = 0;

  template <class Visitor, class Self>
  static void visit(Visitor& v, Self& self) {
    v.field("backend", self.backend,
            "What adds gradients up. auto: NCCL between GPUs, MPI between "
            "CPUs. mpi "
            "with GPUs: through the hosts' memory, for tests.");
    v.field("first_bucket_mb", self.first_bucket_mb,
            "Megabytes of the first bucket: small, so that the exchange begins "
            "early.",
            between(0.001, 4096));
    v.field("bucket_mb", self.bucket_mb,
            "Gradients are exchanged in buckets of so many megabytes, each as "
            "soon as backward has completed it.",
            between(0.001, 4096));
    v.field("compress", self.compress,
            "Number format of gradients between ranks. bf16: half the bytes; "
            "8 significant bits of each sum, and a curve that depends on the "
            "number of ranks.");
    v.field("zero1", self.zero1,
            "Each rank keeps the optimiser's memory of its share of the "
            "parameters alone (ZeRO-1). Changes no bit of a run.");
    v.field("virtual_ranks", self.virtual_ranks,
            "Leaves of the fixed tree in which micro-batches are summed, the "
            "same at every number of ranks: the global batch must be that many "
            "of them. 0: as many as it has.",
            between(0, 1 << 20));
  }
};

}  // namespace gasm
