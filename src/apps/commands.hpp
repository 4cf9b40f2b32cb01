// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "command_line.hpp"

namespace gasm {

/// Each takes the words after its name and returns what main returns.
int run_synth(Arguments const& arguments);
int run_data_fetch_check(Arguments const& arguments);
int run_data_verify(Arguments const& arguments);
int run_data_pack(Arguments const& arguments);
int run_data_stats(Arguments const& arguments);
int run_data_inspect(Arguments const& arguments);
int run_data_monitor(Arguments const& arguments);
int run_data_layout(Arguments const& arguments);
int run_data_subset(Arguments const& arguments);
int run_data_batches(Arguments const& arguments);
int run_data_export_wds(Arguments const& arguments);
int run_data_import_wds(Arguments const& arguments);
int run_data_join(Arguments const& arguments);
int run_extract(Arguments const& arguments);
int run_train(Arguments const& arguments);
int run_eval(Arguments const& arguments);
int run_forward(Arguments const& arguments);
int run_weights_convert(Arguments const& arguments);
int run_weights_inspect(Arguments const& arguments);
int run_bench_all_reduce(Arguments const& arguments);
int run_bench_decode(Arguments const& arguments);
int run_bench_model(Arguments const& arguments);
int run_bench_store(Arguments const& arguments);
int run_bench_train(Arguments const& arguments);
int run_watch(Arguments const& arguments);
int run_runs(Arguments const& arguments);
int run_ckpt_ls(Arguments const& arguments);
int run_ckpt_info(Arguments const& arguments);
int run_ckpt_verify(Arguments const& arguments);
int run_doctor(Arguments const& arguments);

}  // namespace gasm
