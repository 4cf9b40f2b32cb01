// SPDX-License-Identifier: Apache-2.0
#include "gasm/comm/tree_exchange.hpp"

#include <mpi.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "gasm/base/clock.hpp"
#include "gasm/base/error.hpp"
#include "gasm/base/half.hpp"
#include "gasm/comm/collective_log.hpp"
#include "gasm/comm/native.hpp"
#include "tree_layout.hpp"
#include "wait_asleep.hpp"

namespace gasm {
namespace {

constexpr int kMaxChannel = 16000;

bool have_ended(std::vector<MPI_Request>& requests) {
  if (requests.empty()) return true;
  int ended = 0;
  check_mpi(MPI_Testall(static_cast<int>(requests.size()), requests.data(),
                        &ended, MPI_STATUSES_IGNORE),
            "tree exchange");
  if (ended == 0) return false;
  requests.clear();
  return true;
}

/// 16-bit copies of what is sent, and of what arrives until it is unpacked.
struct Packer {
  struct Arrival {
    std::size_t first;
    std::span<float> into;
  };
  std::vector<std::uint16_t> packed = {};
  std::vector<std::uint16_t> arrived = {};
  std::vector<Arrival> arrivals = {};

  /// Rounds `values` in place; their bits go to packed, from `first` on.
  std::uint16_t const* pack(std::span<float> values, std::size_t first) {
    std::uint16_t* const bits = packed.data() + first;
    for (std::size_t i = 0; i < values.size(); ++i) {
      bits[i] = narrow_bf16(values[i]);
      values[i] = widen_bf16(bits[i]);
    }
    return bits;
  }
  std::uint16_t* expect(std::span<float> into) {
    auto const first =
        arrivals.empty() ? 0
                         : arrivals.back().first + arrivals.back().into.size();
    GASM_ASSERT(first + into.size() <= arrived.size());
    arrivals.push_back({first, into});
    return arrived.data() + first;
  }
  void unpack() {
    for (auto const& arrival : arrivals)
      for (std::size_t i = 0; i < arrival.into.size(); ++i)
        arrival.into[i] = widen_bf16(arrived[arrival.first + i]);
    arrivals.clear();
  }
};

}  // namespace

ValueRange owned_values(std::size_t num_values, int rank, int num_ranks) {
  std::size_t const num_blocks = (num_values + kOwnedBlock - 1) / kOwnedBlock;
  auto const border = [&](int r) {
    return std::min(num_values, num_blocks * static_cast<std::size_t>(r) /
                                    static_cast<std::size_t>(num_ranks) *
                                    kOwnedBlock);
  };
  std::size_t const begin = border(rank);
  return {begin, border(rank + 1) - begin};
}

struct TreeExchange::Impl {
  enum class Stage { done, gathering, sharing };

  Communicator const& comm;
  int gather_tag;
  int share_tag;
  TransitType transit;
  ExchangeName name;
  PostedCall call = {};
  TransitType transit_now = TransitType::fp32;  ///< of this round
  Stage stage = Stage::done;
  ExchangeTime time = {};
  TreeSum* sum = nullptr;
  std::span<float> out = {};
  SumFor whom = SumFor::all;
  std::int64_t num_leaves = 0;  ///< of `layout`
  TreeLayout layout = {};
  std::vector<float> received = {};
  std::vector<float*> node_values = {};
  std::vector<MPI_Request> receives = {};
  std::vector<MPI_Request> sends = {};
  Packer packer = {};

  ValueRange owned(int rank) const {
    return owned_values(out.size(), rank, comm.size());
  }
  void begin(std::span<float> values);
  void note_call();
  void check(TreeSum const& posted, std::span<float> into) const;
  void lay_out();
  void receive(std::span<float> into, int from, int tag);
  void send(std::span<float const> values, std::uint16_t const* bits, int to,
            int tag);
  void gather();
  void add();
  /// The same for owners as for those who get the sums from them.
  void round();
  void share();
  template <class Body>
  void for_each_peer(Body body) const;
};

/// Each rank starts with its neighbour, so that not all send to one.
template <class Body>
void TreeExchange::Impl::for_each_peer(Body body) const {
  for (int hop = 1; hop < comm.size(); ++hop)
    body((comm.rank() + hop) % comm.size());
}

void TreeExchange::Impl::begin(std::span<float> values) {
  if (stage != Stage::done) throw error("an exchange is posted twice");
  constexpr auto most =
      static_cast<std::size_t>(std::numeric_limits<int>::max());
  if (values.size() > most)
    throw error("an exchange of {} values (at most {})", values.size(), most);
  out = values;
  time = {.posted_s = monotonic_s()};
}

void TreeExchange::Impl::note_call() {
  bool const is_packed = transit_now == TransitType::bf16;
  std::size_t const width = is_packed ? sizeof(std::uint16_t) : sizeof(float);
  call.begin(name.kind,
             {.bytes = out.size() * width, .type = is_packed ? "bf16" : "fp32"},
             name.bucket);
}

void TreeExchange::Impl::check(TreeSum const& posted,
                               std::span<float> into) const {
  if (!posted.is_complete() || into.size() != posted.num_values())
    throw error(
        "an exchange of {} values is posted with {} of {} leaves missing, or "
        "into an array of {}",
        posted.num_values(), posted.num_missing(), posted.range().count,
        into.size());
  auto const even =
      even_leaf_range(posted.num_leaves(), comm.rank(), comm.size());
  if (posted.range() != even)
    throw error("rank {} adds {} leaves from {} on (its share is {} from {})",
                comm.rank(), posted.range().count, posted.range().first,
                even.count, even.first);
}

void TreeExchange::Impl::lay_out() {
  if (num_leaves == sum->num_leaves()) return;
  num_leaves = sum->num_leaves();
  std::vector<LeafRange> ranges;
  for (int rank = 0; rank < comm.size(); ++rank)
    ranges.push_back(even_leaf_range(num_leaves, rank, comm.size()));
  layout = lay_out_tree(num_leaves, ranges);
}

void TreeExchange::Impl::receive(std::span<float> into, int from, int tag) {
  if (into.empty()) return;
  bool const is_packed = transit_now == TransitType::bf16;
  void* const data = is_packed ? static_cast<void*>(packer.expect(into))
                               : static_cast<void*>(into.data());
  check_mpi(MPI_Irecv(data, static_cast<int>(into.size()),
                      is_packed ? MPI_UINT16_T : MPI_FLOAT, from, tag,
                      native_handle(comm), &receives.emplace_back()),
            "tree exchange");
}

/// `bits`: the same values packed, where they travel so.
void TreeExchange::Impl::send(std::span<float const> values,
                              std::uint16_t const* bits, int to, int tag) {
  if (values.empty()) return;
  bool const is_packed = transit_now == TransitType::bf16;
  void const* const data = is_packed ? static_cast<void const*>(bits)
                                     : static_cast<void const*>(values.data());
  check_mpi(MPI_Isend(data, static_cast<int>(values.size()),
                      is_packed ? MPI_UINT16_T : MPI_FLOAT, to, tag,
                      native_handle(comm), &sends.emplace_back()),
            "tree exchange");
}

void TreeExchange::Impl::gather() {
  ValueRange const mine = owned(comm.rank());
  auto const num_own = layout.num_of(comm.rank());
  received.resize((layout.num_nodes() - num_own) * mine.size);
  node_values.resize(layout.num_nodes());
  bool const is_packed = transit_now == TransitType::bf16;
  if (is_packed) {
    // Sums are sent from its end: the rest may still be under way then.
    packer.packed.resize(num_own * out.size() + mine.size);
    packer.arrived.resize(std::max(received.size(), out.size()));
  }
  float* into = received.data();
  for (int from = 0; from < comm.size(); ++from) {
    for (std::size_t i = 0; i < layout.num_of(from); ++i) {
      auto const node =
          layout.first_of_rank[static_cast<std::size_t>(from)] + i;
      if (from == comm.rank()) {
        node_values[node] = sum->values(i).data() + mine.begin;
        continue;
      }
      node_values[node] = into;
      receive({into, mine.size}, from, gather_tag);
      into += mine.size;
    }
  }
  for (std::size_t i = 0; i < num_own; ++i) {
    auto const values = sum->values(i);
    auto const* const bits =
        is_packed ? packer.pack(values, i * out.size()) : nullptr;
    for_each_peer([&](int to) {
      ValueRange const theirs = owned(to);
      send(values.subspan(theirs.begin, theirs.size),
           bits ? bits + theirs.begin : nullptr, to, gather_tag);
    });
  }
}

void TreeExchange::Impl::add() {
  packer.unpack();
  ValueRange const mine = owned(comm.rank());
  add_along_tree(layout, node_values, out.subspan(mine.begin, mine.size));
}

void TreeExchange::Impl::round() {
  if (transit_now != TransitType::bf16) return;
  ValueRange const mine = owned(comm.rank());
  packer.pack(out.subspan(mine.begin, mine.size),
              packer.packed.size() - mine.size);
}

void TreeExchange::Impl::share() {
  ValueRange const mine = owned(comm.rank());
  auto const sums = out.subspan(mine.begin, mine.size);
  auto const* const bits =
      transit_now == TransitType::bf16
          ? packer.packed.data() + packer.packed.size() - mine.size
          : nullptr;
  for_each_peer([&](int peer) {
    ValueRange const theirs = owned(peer);
    receive(out.subspan(theirs.begin, theirs.size), peer, share_tag);
    send(sums, bits, peer, share_tag);
  });
}

TreeExchange::TreeExchange(Communicator const& comm, int channel,
                           TransitType transit, ExchangeName name)
    : impl_(std::make_unique<Impl>(
          Impl{.comm = comm,
               .gather_tag = 2 * channel,
               .share_tag = 2 * channel + 1,
               .transit = comm.size() > 1 ? transit : TransitType::fp32,
               .name = name})) {
  if (channel < 0 || channel > kMaxChannel)
    throw error("channel {} (0 to {}). Try larger buckets", channel,
                kMaxChannel);
}

TreeExchange::~TreeExchange() = default;
TreeExchange::TreeExchange(TreeExchange&&) noexcept = default;
TreeExchange& TreeExchange::operator=(TreeExchange&&) noexcept = default;

void TreeExchange::post(TreeSum& sum, std::span<float> out, SumFor whom) {
  impl_->check(sum, out);
  impl_->begin(out);
  impl_->sum = &sum;
  impl_->whom = whom;
  impl_->transit_now = impl_->transit;
  impl_->note_call();
  impl_->lay_out();
  impl_->gather();
  impl_->stage = Impl::Stage::gathering;
}

void TreeExchange::post_share(std::span<float> values) {
  impl_->begin(values);
  impl_->transit_now = TransitType::fp32;
  impl_->note_call();
  impl_->share();
  impl_->stage = Impl::Stage::sharing;
}

bool TreeExchange::advance() {
  if (impl_->stage == Impl::Stage::gathering && have_ended(impl_->receives)) {
    impl_->add();
    impl_->round();
    if (impl_->whom == SumFor::all) impl_->share();
    impl_->stage = Impl::Stage::sharing;
  }
  if (impl_->stage == Impl::Stage::sharing && have_ended(impl_->receives) &&
      have_ended(impl_->sends)) {
    impl_->packer.unpack();
    impl_->stage = Impl::Stage::done;
    impl_->time.done_s = monotonic_s();
    impl_->call.end();
  }
  return is_done();
}

bool TreeExchange::is_done() const { return impl_->stage == Impl::Stage::done; }

ExchangeTime TreeExchange::time() const { return impl_->time; }

ExchangeName TreeExchange::name() const { return impl_->name; }

void wait_for(std::span<TreeExchange> exchanges) {
  CollectiveScope scope("tree_exchange", 0);
  wait_asleep([&] {
    TreeExchange const* missing = nullptr;
    for (auto& exchange : exchanges)
      if (!exchange.advance()) missing = &exchange;
    note_bucket(missing == nullptr ? -1 : missing->name().bucket);
    return missing == nullptr;
  });
}

void wait_for(std::span<TreeExchange> exchanges, std::size_t which) {
  if (exchanges[which].is_done()) return;
  WaitScope const scope(exchanges[which].name().kind);
  note_bucket(exchanges[which].name().bucket);
  // A peer may wait for another one first, and needs this rank's part of it.
  wait_asleep([&] {
    for (auto& exchange : exchanges) exchange.advance();
    return exchanges[which].is_done();
  });
  note_bucket(-1);
}

}  // namespace gasm
