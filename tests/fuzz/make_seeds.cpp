// SPDX-License-Identifier: Apache-2.0
// make_seeds FOLDER: small intact inputs for each target, in FOLDER/video,
// FOLDER/annotations, FOLDER/store and FOLDER/weights. Needs the ffmpeg
// program.
#include <fmt/format.h>

#include <fstream>
#include <iostream>

#include "gasm/comm/communicator.hpp"
#include "support/clip_files.hpp"
#include "support/feature_files.hpp"
#include "support/weight_bytes.hpp"

namespace gasm {
namespace {

using std::filesystem::path;

void make_videos(path const& folder) {
  struct Kind {
    char const* name;
    char const* options;
  };
  std::string const source =
      "ffmpeg -nostdin -v error -y -f lavfi -i testsrc2=s=32x24:r=12:d=0.5 ";
  for (auto const& [name, options] : {
           Kind{"vp9.webm", "-pix_fmt yuv420p -c:v libvpx-vp9 -crf 40"},
           Kind{"vp9_alt.webm",
                "-pix_fmt yuv420p -c:v libvpx-vp9 -auto-alt-ref 1 "
                "-lag-in-frames 4 -b:v 50k"},
           Kind{"vp9_444.webm", "-pix_fmt yuv444p -c:v libvpx-vp9 -crf 40"},
           Kind{"vp8.webm", "-pix_fmt yuv420p -c:v libvpx -b:v 100k"},
           Kind{"h264.mp4", "-pix_fmt yuv420p -c:v libx264 -bf 2"},
           Kind{"turned.mp4",
                "-pix_fmt yuv420p -c:v libx264 -metadata:s:v rotate=90"},
           Kind{"mpeg4.avi", "-pix_fmt yuv420p -c:v mpeg4 -bf 2"},
           Kind{"mjpeg.mov", "-pix_fmt yuvj422p -c:v mjpeg"},
           Kind{"h264.ts", "-pix_fmt yuv420p -c:v libx264"},
           Kind{"mpeg2.mpg", "-pix_fmt yuv420p -c:v mpeg2video -r 25"},
           Kind{"h264.flv", "-pix_fmt yuv420p -c:v libx264"},
           Kind{"theora.ogv", "-pix_fmt yuv420p -c:v libtheora"},
           Kind{"wmv2.wmv", "-pix_fmt yuv420p -c:v wmv2"},
           Kind{"vp9.ivf", "-pix_fmt yuv420p -c:v libvpx-vp9 -crf 40"},
           Kind{"mpeg4.nut", "-pix_fmt yuv420p -c:v mpeg4"},
           Kind{"picture.gif", ""},
           Kind{"ffv1.mkv", "-pix_fmt bgr0 -c:v ffv1"},
           Kind{"raw.y4m", "-frames:v 2 -pix_fmt yuv420p"},
           Kind{"plain.h264", "-pix_fmt yuv420p -c:v libx264"},
       })
    output_of(source + options + " " + (folder / name).string());
}

void make_annotations(path const& folder) {
  std::string const labels =
      R"({"Pushing something": "0", "Lifting a cup": 1})";
  std::string const records =
      R"([{"id": "7", "label": "pushing a box",
  "template": "Pushing [something]", "placeholders": ["a box"]},
 {"id": 12, "label": "", "template": "Lifting a cup", "placeholders": []}])";
  std::string const bare = R"([{"id": "7"}, {"id": "12"}])";
  std::string const answers = "7;Pushing something\n12;Lifting a cup\r\n";
  auto const put = [&](char const* name, std::string const& text) {
    std::ofstream(folder / name, std::ios::binary) << text;
  };
  put("templates", labels + '\x1e' + records);
  put("answers", labels + '\x1e' + bare + '\x1e' + answers);
  put("no_answers", labels + '\x1e' + bare);
  put("marked",
      "\xEF\xBB\xBF" + labels + "\x1e\xEF\xBB\xBF" + records + '\x1e');
}

void make_stores(path const& folder) {
  for (auto const& sizes : std::vector<std::vector<std::size_t>>{
           {100, 40, 700}, {1}, std::vector<std::size_t>(40, 9)}) {
    auto const clips = fake_clips(sizes);
    write_clip_store(Communicator::self(),
                     folder / fmt::format("{}.h5", sizes.size()),
                     clips.contents, clips.source());
  }
  auto const put = [&](char const* name, FeatureStoreContents const& contents) {
    write_fake_store(Communicator::self(), folder / name, contents);
  };
  auto contents = fake_contents(3, 2);
  put("features.h5", contents);
  contents.type = FeatureType::fp32;
  contents.views = FeatureViews::random;
  contents.semantic.reset();
  put("motion.h5", contents);
  // Not finished.
  auto const unfinished = folder / "unfinished.h5";
  { FeatureWriter::open(Communicator::self(), unfinished, contents, {}); }
  std::filesystem::rename(unfinished.string() + ".partial", unfinished);
  std::filesystem::remove_all(unfinished.string() + ".partial.journal");
}

void make_weights(path const& folder) {
  namespace p = pickled;
  auto const put = [&](char const* name, std::string const& bytes) {
    std::ofstream(folder / name, std::ios::binary) << bytes;
  };
  auto const plain = p::whole(p::dict({p::text("w"), p::tensor()}));
  put("plain.pkl", plain);
  put("view.pkl",
      p::whole(p::dict({p::text("a"), p::tensor({.offset = 1, .sizes = {2, 2}}),
                        p::text("b"),
                        p::tensor({.sizes = {3, 2}, .strides = {1, 3}}),
                        p::text("c"),
                        p::tensor({.key = "1",
                                   .storage = "ByteStorage",
                                   .num_stored = 64,
                                   .sizes = {4, 4},
                                   .strides = {16, 1}})})));
  put("wrapped.pkl",
      p::whole(p::dict(
          {p::text("model_state"),
           p::global("collections", "OrderedDict") + ")R(" + p::text("w") +
               p::tensor() + "u",
           p::text("epoch"), p::integer(3), p::text("args"),
           p::global("argparse", "Namespace") + ")\x81" +
               p::dict({p::text("lr"), "G" + std::string(8, '\x3f')}) + "b",
           p::text("size"),
           p::global("torch", "Size") + p::tuple({p::numbers({1, 2})}) +
               "R"})));
  put("script.pkl",
      p::whole(p::global("__torch__.a", "Net") + ")\x81" +
               p::dict({p::text("conv"),
                        p::global("__torch__.b", "Conv") + ")\x81" +
                            p::dict({p::text("w"), p::tensor()}) + "b",
                        p::text("l"),
                        p::global("torch.jit._pickle", "build_intlist") + "](" +
                            p::integer(1) + "e\x85R"}) +
               "b"));
  put("four.pkl",
      "\x80\x04\x95" + std::string(8, '\0') +
          "}\x94\x8c\x01w\x94\x8c\x0ctorch._utils\x94\x8c\x12"
          "_rebuild_tensor_v2\x94\x93\x94((\x8c\x07storage\x8c\x05torch"
          "\x8c\x0c"
          "FloatStorage\x93\x8c\x01"
          "0\x8c\x03"
          "cpuK\x06tQK" +
          std::string(1, '\0') + "K\x02K\x03\x86K\x03K\x01\x86\x89)tRs.");
  put("torch.pth", torch_archive(plain, {std::string(24, '\0')}));
  put("zip64.pth",
      zip_bytes({{.name = "x/data.pkl", .bytes = plain},
                 {.name = "x/data/0", .bytes = std::string(24, '\0')}},
                ZipKind::zip64));
  put("small.safetensors",
      safetensors_bytes(
          R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2],)"
          R"("data_offsets":[0,8]},"b":{"dtype":"BOOL","shape":[],)"
          R"("data_offsets":[8,9]}})",
          std::string(9, '\1')));
  put("model.safetensors.index.json",
      R"({"metadata":{"total_size":2},"weight_map":{"a":"a.safetensors"}})");
}

}  // namespace
}  // namespace gasm

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "make_seeds FOLDER\n";
    return 2;
  }
  try {
    auto const make = [&](char const* name, auto const& fill) {
      auto const folder = std::filesystem::path(argv[1]) / name;
      std::filesystem::create_directories(folder);
      fill(folder);
    };
    make("video", gasm::make_videos);
    make("annotations", gasm::make_annotations);
    make("store", gasm::make_stores);
    make("weights", gasm::make_weights);
  } catch (std::exception const& why) {
    std::cerr << "make_seeds: " << why.what() << "\n";
    return 1;
  }
  return 0;
}
