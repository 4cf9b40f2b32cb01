// SPDX-License-Identifier: Apache-2.0
// Archives of torch.save made by hand, most of them hostile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <limits>

#include "gasm/base/file.hpp"
#include "gasm/ckpt/weights.hpp"
#include "support/temp_folder.hpp"
#include "support/weight_bytes.hpp"

namespace gasm {
namespace {

namespace p = pickled;
using testing::HasSubstr;

std::string floats(std::vector<float> const& values) {
  std::string bytes;
  for (auto const value : values) bytes += number_bytes(value);
  return bytes;
}

std::string repeat(std::string const& text, int num) {
  std::string all;
  for (int i = 0; i < num; ++i) all += text;
  return all;
}

class PickleWeights : public testing::Test {
 protected:
  Result<TensorFile> read(std::string const& bytes) {
    value_or_throw(publish_file(path_, bytes));
    return read_weights(path_);
  }
  Result<TensorFile> read_pickle(std::string const& pickle) {
    return read(torch_archive(pickle, {floats({0, 1, 2, 3, 4, 5})}));
  }
  /// Why a pickle is refused.
  std::string why(std::string const& pickle) {
    auto const file = read_pickle(pickle);
    return file ? "it was read" : file.error().what();
  }
  /// Why a state dict with this value beside a tensor is refused.
  std::string why_beside(std::string const& value) {
    return why(
        p::whole(p::dict({p::text("w"), p::tensor(), p::text("x"), value})));
  }
  std::string why_tensor(p::SavedTensor const& tensor) {
    return why(p::whole(p::dict({p::text("w"), p::tensor(tensor)})));
  }
  at::Tensor tensor(p::SavedTensor const& t) {
    auto const file =
        read_pickle(p::whole(p::dict({p::text("w"), p::tensor(t)})));
    return value_or_throw(file).tensors.at("w");
  }

  TempFolder folder_;
  std::filesystem::path path_ = folder_ / "w.pth";
};

TEST_F(PickleWeights, ReadsWhatIsSound) {
  auto const plain = tensor({});
  EXPECT_TRUE(at::equal(plain, at::arange(6.0F).reshape({2, 3})));
  EXPECT_TRUE(at::equal(tensor({.sizes = {3, 2}, .strides = {1, 3}}),
                        at::arange(6.0F).reshape({2, 3}).t()));
  EXPECT_TRUE(at::equal(tensor({.offset = 4, .sizes = {2}, .strides = {1}}),
                        at::arange(4.0F, 6.0F)));
  EXPECT_TRUE(at::equal(tensor({.offset = 5, .sizes = {3}, .strides = {0}}),
                        at::full({3}, 5.0F)));
  EXPECT_EQ(tensor({.offset = 9, .sizes = {0, 3}, .strides = {7, 1}}).numel(),
            0);
  EXPECT_EQ(tensor({.sizes = {}, .strides = {}}).item<float>(), 0.0F);
}

TEST_F(PickleWeights, CallsNothing) {
  auto const evidence = (folder_ / "evidence").string();
  auto const argument = p::text("touch " + evidence) + "\x85R";
  for (auto const& [module, name] :
       {std::pair{"os", "system"}, std::pair{"posix", "system"},
        std::pair{"nt", "system"}, std::pair{"subprocess", "Popen"},
        std::pair{"builtins", "eval"}, std::pair{"__builtin__", "exec"},
        std::pair{"builtins", "getattr"}, std::pair{"torch", "load"},
        std::pair{"torch.hub", "load"}, std::pair{"numpy", "load"},
        std::pair{"__torch__", "Net"}, std::pair{"torch._utils", "system"},
        std::pair{"torch.nn.modules.linear", "Linear"}}) {
    auto const wanted =
        std::string("asks for ") + module + "." + name + ", which is no plain";
    EXPECT_THAT(why_beside(p::global(module, name) + argument),
                HasSubstr(wanted));
    EXPECT_THAT(why_beside(p::text(module) + p::text(name) + "\x93" + argument),
                HasSubstr(wanted));
    // Not even named.
    EXPECT_THAT(why_beside(p::global(module, name)), HasSubstr(wanted));
  }
  EXPECT_FALSE(std::filesystem::exists(evidence));
  // Other ways to make or to reach an object.
  for (auto const* const opcode :
       {"iposix\nsystem\n", "o", "\x92", "\x82\x01", "Pname\n", "I1\n", "Vx\n",
        "S'x'\n", "F1\n", "L1L\n", "g0\n", "p0\n", "\x97", "\x98", "\xff"})
    EXPECT_THAT(why_beside("(" + p::text("x") + opcode),
                HasSubstr("has no place in saved tensors"))
        << opcode;
}

TEST_F(PickleWeights, KnownNamesAreUsedAsWhatTheyAre) {
  auto const dict = p::global("collections", "OrderedDict");
  auto const f32 = p::global("torch", "FloatStorage");
  EXPECT_THAT(why_beside(f32 + ")R"), HasSubstr("as if it were a function"));
  EXPECT_THAT(why_beside(p::text("eval") + ")R"),
              HasSubstr("a text is called as if it were a function"));
  EXPECT_THAT(why_beside(dict + "]R"), HasSubstr("arguments are a list"));
  EXPECT_THAT(why_beside(dict + "](" + p::text("ab") + "e\x85R"),
              HasSubstr("no pairs"));
  EXPECT_THAT(why_beside(p::global("torch", "Size") + ")\x81"),
              HasSubstr("an object of class torch.Size"));
  EXPECT_THAT(why_beside(p::global("argparse", "Namespace") + "K\x01\x85\x81"),
              HasSubstr("made with arguments"));
  EXPECT_THAT(why_beside(p::global("argparse", "Namespace") + ")\x81" + "]b"),
              HasSubstr("restores itself from a list"));
  EXPECT_THAT(why_beside("]}b"), HasSubstr("a list is given attributes"));
  EXPECT_THAT(why_beside(p::global("torch._utils", "_rebuild_parameter") +
                         "K\x01\x85R"),
              HasSubstr("is an int instead of a tensor"));
  EXPECT_THAT(why_beside(p::global("torch._tensor", "_rebuild_from_type_v2") +
                         p::tuple({p::global("collections", "OrderedDict"),
                                   p::global("torch", "Tensor"), ")", "}"}) +
                         "R"),
              HasSubstr("a tensor is made by collections.OrderedDict"));
  EXPECT_THAT(why_beside(p::tuple({p::text("module"), f32, p::text("0"),
                                   p::text("cpu"), p::integer(6)}) +
                         "Q"),
              HasSubstr("no storage"));
  EXPECT_THAT(why_beside(p::text("storage") + "Q"),
              HasSubstr("arguments are a text"));
}

TEST_F(PickleWeights, TheStackAndTheMemoAreGuarded) {
  for (auto const* const pickle :
       {"\x80\x02.",
        "\x80\x02N0.",
        "\x80\x02(N.",
        "\x80\x02R.",
        "\x80\x02t.",
        "\x80\x02(a.",
        "\x80\x02]a.",
        "\x80\x02}Ns.",
        "\x80\x02(\x85.",
        "\x80\x02N(\x85.",
        "\x80\x02\x93.",
        "\x80\x02Q.",
        "\x80\x02N\x81.",
        "\x80\0022.",
        "\x80\x02q\x01.",
        "\x80\x02h\x01.",
        "\x80\x02j\x01\x01\x01\x01.",
        "\x80\x02]q\x01h\x02.",
        "\x80\x02NN.",
        "\x80\x02(N0.",
        "\x80\x02]Nu.",
        "\x80\x02](NNu.",
        "\x80\x02}(Nu.",
        "\x80\x02(Nd.",
        "\x80\x02N.N",
        "\x80\x01N.",
        "\x80\x06N.",
        "\x80\x02]",
        "\x80\x02",
        "\x80",
        "\x80\x02X\xff\xff\xff\377a.",
        "\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\377a.",
        "\x80\002cabc"})
    EXPECT_THAT(why(pickle), HasSubstr("no sound pickle of tensors (byte "))
        << testing::PrintToString(std::string(pickle));
  EXPECT_THAT(why(""), HasSubstr("cut off"));
  EXPECT_THAT(why(std::string("\x80\002c") + std::string(5000, 'a')),
              HasSubstr("a name has no end"));
}

TEST_F(PickleWeights, DepthAndCirclesAreHarmless) {
  // Nobody looks into it: it is beside the tensors.
  EXPECT_THAT(why_beside(std::string(500'000, ']') + repeat("a", 499'999)),
              HasSubstr("nested more than 64 deep"));
  EXPECT_THAT(why_beside("]q\x01h\x01"
                         "a"),
              HasSubstr("64 deep"));
  EXPECT_THAT(why_beside("}q\x01" + p::text("a") + "h\x01s"),
              HasSubstr("64 deep"));
  // 2^60 paths lead through lists that share their items.
  std::string laughs = "]";
  for (int i = 0; i < 60; ++i) laughs = "](" + laughs + "2e";
  EXPECT_THAT(why_beside(laughs), HasSubstr("more than"));
  EXPECT_THAT(why("\x80\x02" + std::string(3'000'000, 'N') + "."),
              HasSubstr("has more than 2000000 steps"));
  // Each step would copy a list once more.
  auto const copies =
      repeat(p::global("builtins", "set") + "h\x01\x85R0", 1000);
  EXPECT_THAT(why_beside("](" + std::string(100'000, 'N') + "eq\x01" + copies),
              HasSubstr("copies more than"));
}

TEST_F(PickleWeights, WhatIsSharedIsNotMultiplied) {
  // 6^60 ways through wrappers of wrappers.
  std::string wrappers = "}q\x01(";
  for (auto const* const name :
       {"model_state", "model", "state_dict", "module", "teacher", "student"})
    wrappers += p::text(name) + "h\x01";
  EXPECT_THAT(why("\x80\x02" + wrappers + "u."), HasSubstr("64 deep"));
  std::string const megabyte(1'000'000, 'a');
  auto const storage =
      p::tuple({p::text("storage"), p::global("torch", "ByteStorage"),
                p::text(megabyte), p::text("cpu"), "K\x01"});
  EXPECT_THAT(why_beside(storage + "Q"), HasSubstr("key has no end"));
  EXPECT_THAT(why_beside(p::text("__torch__") + p::text(megabyte) + "\x93"),
              HasSubstr("a name has no end"));
  EXPECT_THAT(why_tensor({.sizes = std::vector<std::int64_t>(1000, 1)}),
              HasSubstr("1000 sizes"));
}

TEST_F(PickleWeights, LargeNumbersAreNoSizes) {
  auto const huge = "\x8b" + number_bytes(std::uint32_t{1'000'000}) +
                    std::string(1'000'000, '\x7f');
  EXPECT_EQ(why_beside(huge), "it was read");
  EXPECT_EQ(why_beside("\x8a" + number_bytes(std::uint8_t{9}) +
                       std::string(9, '\xff')),
            "it was read");
  EXPECT_THAT(why_beside("\x8b" + number_bytes(std::uint32_t{0xFFFFFFFF})),
              HasSubstr("cut off"));
  EXPECT_THAT(
      why_beside(p::global("torch._utils", "_rebuild_tensor_v2") +
                 p::tuple({p::tuple({p::text("storage"),
                                     p::global("torch", "ByteStorage"),
                                     p::text("0"), p::text("cpu"), huge}) +
                               "Q",
                           p::integer(0), ")", ")"}) +
                 "R"),
      HasSubstr("is something opaque instead of an int"));
  auto const file = value_or_throw(read_pickle(
      p::whole(p::dict({p::text("w"), p::tensor(), p::text("a"), "\x8a\x01\xfe",
                        p::text("b"), std::string("\x8a\x00", 2)}))));
  EXPECT_EQ(file.metadata.at("pickle.a"), "-2");
  EXPECT_EQ(file.metadata.at("pickle.b"), "0");
}

TEST_F(PickleWeights, ViewsStayWithinTheirStorage) {
  std::int64_t const most = std::numeric_limits<std::int64_t>::max();
  for (auto const& t : std::vector<p::SavedTensor>{
           {.offset = 1},
           {.offset = 6, .sizes = {}, .strides = {}},
           {.offset = most},
           {.sizes = {2, 4}},
           {.sizes = {3, 3}},
           {.strides = {4, 1}},
           {.strides = {most, most}},
           {.sizes = {2, 2}, .strides = {most, 1}},
           {.offset = 5, .sizes = {2}, .strides = {most}}})
    EXPECT_THAT(why_tensor(t), HasSubstr("tensor w leaves its storage"));
  for (auto const& t :
       std::vector<p::SavedTensor>{{.offset = -1}, {.strides = {-3, 1}}})
    EXPECT_THAT(why_tensor(t), HasSubstr("negative stride or offset"));
  for (auto const& t : std::vector<p::SavedTensor>{
           {.sizes = {-2, -3}},
           {.sizes = {most, most}, .strides = {0, 0}},
           {.sizes = {0, most, most}, .strides = {0, 0, 0}}})
    EXPECT_THAT(why_tensor(t), HasSubstr("has sizes that no tensor has"));
  EXPECT_THAT(why_tensor({.sizes = {6}}), HasSubstr("one stride for each"));
  EXPECT_THAT(why_tensor({.sizes = {1 << 30}, .strides = {0}}),
              HasSubstr("four times its size"));
  EXPECT_THAT(why_tensor({.key = "1"}),
              HasSubstr("needs data/1, which is not"));
  EXPECT_THAT(why_tensor({.key = "../x"}), HasSubstr("needs data/../x"));
  for (std::int64_t const num : {5L, 7L, -6L, 0L, 1L << 62})
    EXPECT_THAT(why_tensor({.num_stored = num}), HasSubstr("of 24 bytes"));
  EXPECT_THAT(why_tensor({.storage = "DoubleStorage"}),
              HasSubstr("of 24 bytes"));
  // Bytes of 1.0F.
  EXPECT_THAT(why_tensor({.storage = "BoolStorage",
                          .num_stored = 24,
                          .offset = 4,
                          .sizes = {4},
                          .strides = {1}}),
              HasSubstr("neither true nor false"));
}

TEST_F(PickleWeights, NamesAreTextAndOfOneTensorEach) {
  EXPECT_THAT(why(p::whole(p::dict(
                  {p::text("w"), p::tensor(), p::text("w"), p::tensor()}))),
              HasSubstr("two tensors are called w"));
  EXPECT_THAT(why(p::whole(p::dict({p::text("a.b"), p::tensor(), p::text("a"),
                                    p::dict({p::text("b"), p::tensor()})}))),
              HasSubstr("two tensors are called a.b"));
  EXPECT_THAT(why(p::whole(p::dict({")", p::tensor()}))),
              HasSubstr("under a tuple, which is no name"));
  EXPECT_THAT(why(p::whole(p::dict({p::text("\xff"), p::tensor()}))),
              HasSubstr("which is no name"));
  EXPECT_THAT(why(p::whole(p::tensor())), HasSubstr("without a name"));
  EXPECT_THAT(why(p::whole("N")), HasSubstr("holds no tensor"));
}

TEST_F(PickleWeights, ScriptClassesAreForScriptsOnly) {
  auto const pickle = p::whole(p::global("__torch__.a", "Net") + ")\x81" +
                               p::dict({p::text("w"), p::tensor()}) + "b");
  EXPECT_THAT(why(pickle), HasSubstr("asks for __torch__.a.Net"));
  auto const storage = floats({0, 1, 2, 3, 4, 5});
  std::vector<ZipPart> const script = {
      {.name = "x/constants.pkl", .bytes = ""},
      {.name = "x/code/__torch__/a.py", .bytes = "boom", .method = 8}};
  auto const file = read(torch_archive(pickle, {storage}, script));
  ASSERT_TRUE(file) << file.error().what();
  EXPECT_EQ(file->tensors.at("w").numel(), 6);
  EXPECT_EQ(find_weights_format(path_), WeightsFormat::torch_script);
  auto const own_state = p::whole(p::global("__torch__.a", "Packed") + ")\x81" +
                                  p::tuple({p::tensor()}) + "b");
  auto const refused = read(torch_archive(own_state, {storage}, script));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what(), HasSubstr("code of its own"));
}

TEST_F(PickleWeights, ArchivesThatAreDamaged) {
  auto const pickle = p::whole(p::dict({p::text("w"), p::tensor()}));
  auto const storage = floats({0, 1, 2, 3, 4, 5});
  auto const why_file = [&](std::string const& bytes) -> std::string {
    auto const file = read(bytes);
    return file ? "it was read" : file.error().what();
  };
  auto const whole = torch_archive(pickle, {storage});
  ASSERT_EQ(why_file(whole), "it was read");
  for (std::size_t keep = 0; keep < whole.size(); ++keep)
    ASSERT_NE(why_file(whole.substr(0, keep)), "it was read") << keep;
  EXPECT_THAT(why_file(""), HasSubstr("is empty (0 bytes)"));
  EXPECT_THAT(why_file(zip_bytes(
                  {{.name = "x/data.pkl", .bytes = pickle},
                   {.name = "x/data/0", .bytes = storage, .crc_change = 1}})),
              HasSubstr("x/data/0: its checksum is wrong"));
  EXPECT_THAT(why_file(torch_archive(pickle, {storage},
                                     {{.name = "x/data/0", .bytes = storage}})),
              HasSubstr("x/data/0 stands in it twice"));
  EXPECT_THAT(
      why_file(torch_archive(pickle, {storage},
                             {{.name = "x/byteorder", .bytes = "big"}})),
      HasSubstr("another byte order (big)"));
  EXPECT_THAT(
      why_file(torch_archive(pickle, {storage},
                             {{.name = "y/data.pkl", .bytes = pickle}})),
      HasSubstr("two archives"));
  EXPECT_THAT(why_file(zip_bytes({{.name = "a.txt", .bytes = "a"}})),
              HasSubstr("no data.pkl"));
  EXPECT_THAT(why_file(zip_bytes(
                  {{.name = "x/data.pkl", .bytes = pickle},
                   {.name = "x/data/0", .bytes = storage, .method = 8}})),
              HasSubstr("compressed"));
}

TEST_F(PickleWeights, OlderAndOtherFilesAreRefusedWithAWayOut) {
  auto const why_file = [&](std::string const& bytes) -> std::string {
    auto const file = read(bytes);
    EXPECT_EQ(find_weights_format(path_).has_value(), file.has_value());
    return file ? "it was read" : file.error().what();
  };
  EXPECT_THAT(why_file("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50"
                       "\x19.\x80\x02M\xe9\x03."),
              HasSubstr("older form of torch.save"));
  EXPECT_THAT(why_file(p::whole("}")), HasSubstr("bare pickle"));
  EXPECT_THAT(why_file(std::string(257, '\0') + "ustar" + std::string(250, 0)),
              HasSubstr("tar archive"));
  EXPECT_THAT(why_file("GIF89a"), HasSubstr("no format of weights"));
}

std::string why_not_finite(std::map<std::string, at::Tensor> const& tensors) {
  try {
    check_finite(tensors, "FILE");
  } catch (Error const& failed) {
    return failed.what();
  }
  return "finite";
}

TEST_F(PickleWeights, TellsWhereAValueIsNotFinite) {
  std::map<std::string, at::Tensor> tensors = {{"a", at::full({3}, 3e38)},
                                               {"e", at::empty({0, 2})},
                                               {"i", at::ones({3}, at::kLong)}};
  EXPECT_EQ(why_not_finite(tensors), "finite");
  auto const table = at::ones({2, 3}, at::kDouble);
  table[1][2] = -std::numeric_limits<double>::infinity();
  tensors["d"] = table;
  EXPECT_EQ(why_not_finite(tensors),
            "FILE: d holds -inf (at [1, 2]). Try another copy of the weights");
  tensors["c"] = at::full({}, 1e6).to(at::kHalf);
  EXPECT_THAT(why_not_finite(tensors), HasSubstr("c holds inf (at [])"));
  tensors["b.bias_mask"] = at::full({4}, NAN).to(at::kBFloat16);
  EXPECT_THAT(why_not_finite(tensors),
              HasSubstr("b.bias_mask holds NaN (at [0])"));
}

}  // namespace
}  // namespace gasm
