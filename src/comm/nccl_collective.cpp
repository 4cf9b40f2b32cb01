// SPDX-License-Identifier: Apache-2.0
#include <condition_variable>
#include <future>
#include <mutex>
#include <stop_token>
#include <thread>

#include "collective_call.hpp"
#include "gasm/base/clock.hpp"
#include "gasm/base/half.hpp"
#include "gasm/base/log.hpp"
#include "gasm/comm/agree.hpp"
#include "gasm/comm/collective_log.hpp"
#include "hang_actions.hpp"
#include "nccl_api.hpp"
#include "nccl_start.hpp"
#include "wait_asleep.hpp"

namespace gasm {
namespace {

/// A training repeats its calls: what differs does so in its first steps.
constexpr int kCheckedCalls = 100;
/// An abort may hang itself; whoever asked for it has an error to throw.
constexpr auto kAbortPatience = std::chrono::seconds(10);

ncclDataType_t nccl_type(DataType type) {
  switch (type) {
    case DataType::fp32:
      return ncclFloat32;
    case DataType::bf16:
      return ncclBfloat16;
    case DataType::fp16:
      return ncclFloat16;
  }
  throw error("unknown type {}", static_cast<int>(type));
}

class NcclCollective : public Collective {
 public:
  NcclCollective(Communicator comm, NcclOptions const& options,
                 NcclApi const& api)
      : comm_(std::move(comm)), options_(options), api_(api) {}

  /// Collective; throws the same AgreedError on all ranks.
  void start();

  int rank() const override { return comm_.rank(); }
  int size() const override { return comm_.size(); }
  Memory memory() const override { return Memory::cuda; }
  void wait() override;
  void close() override;
  void reduce(TreeSum&, std::span<float>) override {
    throw AgreedError(
        error("the fixed tree works on host memory, not over NCCL. Try "
              "parallel.backend: mpi"));
  }

 private:
  std::vector<CollectiveCall> meet(CollectiveCall const& mine) override;
  void run(CollectiveCall const& mine,
           std::span<CollectiveCall const> all) override;

  ncclResult_t launch(CollectiveCall const& call, ncclRedOp_t op);
  ncclRedOp_t make_op(CollectiveCall const& call);
  void open(ncclUniqueId const& id);
  void require_open() const;
  void finish_pending(ncclResult_t result, char const* what);
  [[noreturn]] void fail(std::string const& problem);
  void abort(std::string const& problem);
  ncclResult_t ask() const;
  void poll(std::stop_token const& stop);

  Communicator comm_;
  NcclOptions options_;
  NcclApi api_;
  // Whoever uses nccl_ has the mutex: another thread may abort it.
  mutable std::recursive_mutex mutex_;
  ncclComm_t nccl_ = nullptr;
  std::string problem_;  ///< why it was aborted
  cudaStream_t stream_ = nullptr;
  int num_calls_ = 0;
  std::optional<HangAction> at_hang_;
  std::jthread poller_;  ///< last: it uses all of them
};

void NcclCollective::start() {
  auto const device = agree_on_devices(comm_, options_, api_);
  ncclUniqueId id{};
  agree_call(comm_, [&] {
    if (comm_.is_root())
      check_nccl(api_, api_.get_unique_id(&id), "ncclGetUniqueId");
  });
  comm_.broadcast(id);
  agree_call(comm_, [&] {
    check_cuda(api_, api_.set_device(device.number), "cudaSetDevice");
    open(id);
  });
  at_hang_.emplace([this] { abort("a watchdog ended this process"); });
  if (options_.poll_s > 0)
    poller_ = std::jthread([this](std::stop_token stop) { poll(stop); });
}

// While the device works, or waits for a rank that is gone, the host may wait
// for the device, where no call of NCCL says that it has failed.
void NcclCollective::poll(std::stop_token const& stop) {
  std::mutex sleeping;
  std::condition_variable_any never;
  std::unique_lock lock(sleeping);
  auto const interval = std::chrono::duration<double>(options_.poll_s);
  while (!never.wait_for(lock, stop, interval,
                         [&] { return stop.stop_requested(); })) {
    auto const state = ask();
    if (state == ncclSuccess || state == ncclInProgress) continue;
    auto const problem =
        fmt::format("NCCL failed ({})", api_.error_string(state));
    log_rank_warn("{}. The communicator is aborted", problem);
    abort(problem);
    return;
  }
}

ncclResult_t NcclCollective::ask() const {
  std::lock_guard const lock(mutex_);
  auto state = ncclSuccess;
  if (nccl_ == nullptr) return state;
  auto const asked = api_.get_async_error(nccl_, &state);
  return asked != ncclSuccess ? asked : state;
}

void NcclCollective::open(ncclUniqueId const& id) {
  stream_ = static_cast<cudaStream_t>(options_.stream);
  if (stream_ == nullptr)
    check_cuda(api_, api_.create_stream(&stream_, cudaStreamNonBlocking),
               "cudaStreamCreate");
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  // Else a rank that does not come holds the others where no abort helps.
  config.blocking = 0;
  auto const result = [&] {
    std::lock_guard const lock(mutex_);
    return api_.init(&nccl_, size(), id, rank(), &config);
  }();
  finish_pending(result, "ncclCommInitRankConfig");
}

void NcclCollective::require_open() const {
  std::lock_guard const lock(mutex_);
  if (nccl_ == nullptr)
    throw error("the NCCL communicator is closed ({})",
                problem_.empty() ? "its owner closed it" : problem_);
}

/// Until what `result` began has been taken up, or failed.
void NcclCollective::finish_pending(ncclResult_t result, char const* what) {
  double const end_s = monotonic_s() + options_.deadline_s;
  if (result == ncclSuccess || result == ncclInProgress) {
    wait_asleep([&] {
      require_open();
      result = ask();
      return result != ncclInProgress || monotonic_s() > end_s;
    });
  }
  if (result == ncclSuccess) return;
  fail(result == ncclInProgress
           ? fmt::format("{} took more than {} s (a rank did not come)", what,
                         options_.deadline_s)
           : fmt::format("NCCL failed in {} ({})", what,
                         api_.error_string(result)));
}

void NcclCollective::fail(std::string const& problem) {
  abort(problem);
  throw error("{}. The communicator is aborted", problem);
}

void NcclCollective::abort(std::string const& problem) {
  ncclComm_t broken = nullptr;
  {
    std::lock_guard const lock(mutex_);
    broken = std::exchange(nccl_, nullptr);
    if (broken != nullptr) problem_ = problem;
  }
  if (broken != nullptr) {
    std::promise<void> done;
    auto aborted = done.get_future();
    std::thread([abort = api_.abort, broken, done = std::move(done)]() mutable {
      abort(broken);
      done.set_value();
    }).detach();
    aborted.wait_for(kAbortPatience);
  }
}

std::vector<CollectiveCall> NcclCollective::meet(CollectiveCall const& mine) {
  if (num_calls_ >= kCheckedCalls) return {};
  ++num_calls_;
  return comm_.all_gather(mine);
}

ncclRedOp_t NcclCollective::make_op(CollectiveCall const& call) {
  switch (call.reduction.kind) {
    case Reduction::Kind::sum:
      return ncclSum;
    case Reduction::Kind::mean:
      return ncclAvg;
    case Reduction::Kind::maximum:
      return ncclMax;
    case Reduction::Kind::scaled_sum:
      break;
  }
  // The factor has the type of the numbers.
  float wide = call.reduction.factor;
  std::uint16_t narrow = call.values.type == DataType::bf16 ? narrow_bf16(wide)
                                                            : narrow_fp16(wide);
  void* const factor = call.values.type == DataType::fp32
                           ? static_cast<void*>(&wide)
                           : static_cast<void*>(&narrow);
  ncclRedOp_t op{};
  auto const made = [&] {
    std::lock_guard const lock(mutex_);
    require_open();
    return api_.make_scaled_sum(&op, factor, nccl_type(call.values.type),
                                ncclScalarHostImmediate, nccl_);
  }();
  finish_pending(made, "ncclRedOpCreatePreMulSum");
  return op;
}

ncclResult_t NcclCollective::launch(CollectiveCall const& call,
                                    ncclRedOp_t op) {
  Values const all = call.values;
  Values const mine = share(all, rank(), size());
  auto const type = nccl_type(all.type);
  std::lock_guard const lock(mutex_);
  require_open();
  switch (call.operation) {
    case Operation::all_reduce:
      return api_.all_reduce(all.data, all.data, all.count, type, op, nccl_,
                             stream_);
    case Operation::reduce_scatter:
      return api_.reduce_scatter(all.data, mine.data, mine.count, type, op,
                                 nccl_, stream_);
    case Operation::all_gather:
      return api_.all_gather(mine.data, all.data, mine.count, type, nccl_,
                             stream_);
    case Operation::broadcast:
      return api_.broadcast(all.data, all.data, all.count, type, call.root,
                            nccl_, stream_);
  }
  return ncclInvalidArgument;
}

void NcclCollective::run(CollectiveCall const& mine,
                         std::span<CollectiveCall const>) {
  require_open();
  auto const op = make_op(mine);
  finish_pending(launch(mine, op), name_of(mine.operation));
  std::lock_guard const lock(mutex_);
  if (mine.reduction.kind == Reduction::Kind::scaled_sum && nccl_ != nullptr)
    check_nccl(api_, api_.destroy_op(op, nccl_), "ncclRedOpDestroy");
}

void NcclCollective::wait() {
  require_open();
  CollectiveScope scope("nccl_wait", 0);
  double const end_s = monotonic_s() + options_.deadline_s;
  auto ran = cudaErrorNotReady;
  auto state = ncclSuccess;
  wait_asleep([&] {
    ran = api_.query_stream(stream_);
    if (ran != cudaErrorNotReady) return true;
    require_open();
    state = ask();
    return (state != ncclSuccess && state != ncclInProgress) ||
           monotonic_s() > end_s;
  });
  if (state != ncclSuccess && state != ncclInProgress)
    fail(fmt::format("NCCL failed in the stream ({})",
                     api_.error_string(state)));
  if (ran == cudaErrorNotReady)
    fail(fmt::format("the stream took more than {} s (a rank did not come)",
                     options_.deadline_s));
  if (ran != cudaSuccess)
    fail(fmt::format("CUDA failed in the stream ({})",
                     api_.cuda_error_string(ran)));
}

void NcclCollective::close() {
  poller_ = {};
  at_hang_.reset();
  if (nccl_ != nullptr) {
    wait();
    finish_pending(api_.finalize(nccl_), "ncclCommFinalize");
    check_nccl(api_, api_.destroy(std::exchange(nccl_, nullptr)),
               "ncclCommDestroy");
  }
  if (options_.stream == nullptr && stream_ != nullptr)
    check_cuda(api_, api_.destroy_stream(std::exchange(stream_, nullptr)),
               "cudaStreamDestroy");
  comm_.close();
}

}  // namespace

std::unique_ptr<Collective> make_nccl_collective(Communicator const& comm,
                                                 NcclOptions const& options,
                                                 NcclApi const& api) {
  auto made = std::make_unique<NcclCollective>(comm.duplicate(), options, api);
  made->start();
  return made;
}

std::unique_ptr<Collective> make_nccl_collective(Communicator const& comm,
                                                 NcclOptions const& options) {
  auto const api = agree_call(comm, [] { return load_nccl(); });
  return make_nccl_collective(comm, options, api);
}

int cuda_device_of(Communicator const& comm) {
  auto const api = agree_call(comm, [] { return load_nccl(); });
  return device_by_local_rank(comm, api);
}

NcclInfo nccl_info() {
  NcclInfo info{.is_built = true, .version = {}, .problem = {}};
  try {
    auto const api = load_nccl();
    int version = 0;
    check_nccl(api, api.get_version(&version), "ncclGetVersion");
    info.version = version_text(version);
    info.num_devices = num_devices(api);
  } catch (Error const& failed) {
    info.problem = failed.what();
  }
  return info;
}

}  // namespace gasm
