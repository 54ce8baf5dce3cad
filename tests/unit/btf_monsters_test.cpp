// Types made to cost much: each is refused, or answered, after work that is bounded by its size and by the allowance
// for comparisons. Memory is asserted; time only in so far as these tests end.
#include <doctest/doctest.h>

#include <malloc.h>

#include <string>

#include "btf/btf.hpp"
#include "btf/core.hpp"
#include "support/btf_builder.hpp"

namespace skep {
namespace {

using btf::Btf;
using btf::Kind;
using testing::BtfBuilder;

constexpr std::uint32_t kMany = 1u << 20;
constexpr std::size_t kSlack = std::size_t{64} << 20;

std::size_t in_use() { return mallinfo2().uordblks + mallinfo2().hblkhd; }

/// Words of types behind a header, with one string: "\0x\0".
std::vector<std::byte> file_of(const std::vector<std::uint32_t>& words, std::string strings = std::string("\0x\0", 3)) {
  const auto bytes = static_cast<std::uint32_t>(4 * words.size()), text = static_cast<std::uint32_t>(strings.size());
  const std::uint32_t header[] = {0x0001eb9f, 24, 0, bytes, bytes, text};
  std::vector<std::byte> out(sizeof header + bytes + text);
  std::memcpy(out.data(), header, sizeof header);
  std::memcpy(out.data() + sizeof header, words.data(), bytes);
  std::memcpy(out.data() + sizeof header + bytes, strings.data(), text);
  return out;
}

void append(std::vector<std::uint32_t>& words, std::initializer_list<std::uint32_t> more) {
  words.insert(words.end(), more);
}

constexpr std::uint32_t info(Kind kind, std::uint32_t vlen = 0) {
  return static_cast<std::uint32_t>(kind) << 24 | vlen;
}

}  // namespace

TEST_CASE("a million typedefs of each other are refused, forwards, backwards and in a ring") {
  for (const int step : {-1, 1}) {
    std::vector<std::uint32_t> words;
    for (std::uint32_t id = 1; id <= kMany; ++id) {
      const std::uint32_t to = step < 0 ? id - 1 : id == kMany ? 0 : id + 1;
      append(words, {1, info(Kind::typedef_), to});
    }
    const auto chain = Btf::parse(file_of(words));
    REQUIRE(!chain);
    CHECK(chain.error().code == ErrorCode::limit);
    words[2] = kMany;
    CHECK(!Btf::parse(file_of(words)));
  }
}

TEST_CASE("arrays of arrays have no size rather than a wrong one, and nest to the limit") {
  BtfBuilder b;
  auto type = b.integer("int", 4);
  for (int i = 0; i < 40; ++i) type = b.array(type, 0xffffffff);
  const auto types = b.parse();
  REQUIRE(types);
  CHECK(!(*types)->size_of(type));
  for (int i = 0; i < 40; ++i) type = b.array(type, 2);
  CHECK(!b.parse());
}

TEST_CASE("counts of more elements than there are bytes are refused") {
  for (const Kind kind : {Kind::struct_, Kind::union_, Kind::enum_, Kind::enum64, Kind::func_proto, Kind::datasec})
    CHECK(!Btf::parse(file_of({1, info(kind, 0xffff), 4, 1, 0, 0})));
}

TEST_CASE("five million types are read, named and found in memory of their size") {
  constexpr std::uint32_t kTypes = 5'000'000;
  std::vector<std::uint32_t> words;
  words.reserve(3 * kTypes);
  for (std::uint32_t i = 0; i < kTypes; ++i) append(words, {1, info(Kind::fwd), 0});
  const std::string long_name(4000, 'n');
  const auto bytes = file_of(words, '\0' + long_name + '\0');
  words = {};
  const std::size_t before = in_use();
  const auto types = Btf::parse(bytes);
  REQUIRE_MESSAGE(types.has_value(), types.error().message());
  CHECK((*types)->size() == kTypes + 1);
  CHECK((*types)->find(Kind::fwd, "n") == 0);
  CHECK((*types)->find(Kind::fwd, long_name) == 0);  // longer than any name that is looked for
  CHECK(in_use() - before < bytes.size() + kSlack);
}

TEST_CASE("more types than any kernel has are refused unread") {
  const std::vector<std::byte> bytes((std::size_t{64} << 20) + 1);
  const auto types = Btf::parse(bytes);
  REQUIRE(!types);
  CHECK(types.error().code == ErrorCode::limit);
}

TEST_CASE("bit fields are not looked for behind long chains of names") {
  BtfBuilder b;
  auto type = b.integer("int", 4);
  for (int i = 0; i < 40; ++i) type = b.ref(Kind::typedef_, type, "t");
  b.composite(Kind::struct_, "s", 4, {{"f", type, 0, 3}}, true);
  const auto types = b.parse();
  REQUIRE(!types);
  CHECK(types.error().code == ErrorCode::limit);
}

TEST_CASE("comparing what is all names and chains ends within the allowance") {
  // Members that are arrays of typedefs sixty deep, all of one name: each comparison follows all of it.
  BtfBuilder b;
  auto type = b.integer("x", 4);
  for (int i = 0; i < 58; ++i) type = b.ref(Kind::typedef_, type, "x");
  type = b.array(type, 1);
  const auto text = b.string("m");
  std::vector<std::uint32_t> members;
  constexpr std::uint32_t kMembers = 2000;
  const auto root = b.add("root", BtfBuilder::info(Kind::struct_, kMembers), 4 * kMembers);
  for (std::uint32_t i = 0; i < kMembers; ++i) b.append_words({text, type, 0});
  const auto types = b.parse();
  REQUIRE_MESSAGE(types.has_value(), types.error().message());
  const btf::CoreReloc reloc{.section = {}, .type = root, .access = "0", .kind = 12};
  const btf::CoreTarget target{.kernel = **types};
  btf::CoreResolver resolver(**types, {&reloc.type, 1}, target);
  for (int i = 0; i < 10'000; ++i)
    if (const auto answer = resolver.resolve(reloc); !answer) CHECK(answer.error().code == ErrorCode::limit);
  CHECK(!resolver.resolve(reloc));
}

TEST_CASE("a target of a million types of one name is one question's worth of work") {
  std::vector<std::uint32_t> words;
  for (std::uint32_t i = 0; i < kMany; ++i) append(words, {1, info(Kind::struct_), 4});
  const auto bytes = file_of(words);
  const auto target = Btf::parse(bytes);
  REQUIRE(target);
  BtfBuilder b;
  for (int i = 0; i < 1000; ++i) b.structure("x___" + std::to_string(i), 4, {});
  const auto local = b.parse();
  REQUIRE(local);
  std::vector<btf::CoreReloc> relocs;
  std::vector<btf::TypeId> asked;
  for (std::uint32_t id = 1; id <= 1000; ++id) {
    relocs.push_back({.section = {}, .type = id, .access = "0", .kind = 8});
    asked.push_back(id);
  }
  const std::size_t before = in_use();
  const btf::CoreTarget types{.kernel = **target};
  btf::CoreResolver resolver(**local, asked, types);
  std::size_t answered = 0;
  for (const btf::CoreReloc& reloc : relocs) answered += resolver.resolve(reloc).has_value();
  CHECK(answered > 0);
  CHECK(answered < relocs.size());
  CHECK(in_use() - before < 4 * bytes.size() + kSlack);
}

TEST_CASE("records of .BTF.ext are taken up to a limit") {
  BtfBuilder b;
  const auto name = b.string("section");
  const auto types = b.parse();
  REQUIRE(types);
  constexpr std::uint32_t kRecords = (1u << 19) + 1;
  std::vector<std::uint32_t> words = {0x0001eb9f, 24, 0, 0, 0, 4 + 8 + 16 * kRecords, 16, name, kRecords};
  words.resize(words.size() + 4 * std::size_t{kRecords});
  const auto ext = btf::BtfExt::parse(std::as_bytes(std::span(words)), **types);
  REQUIRE(!ext);
  CHECK(ext.error().code == ErrorCode::limit);
}

}  // namespace skep
