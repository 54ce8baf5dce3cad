// What linking costs: inputs made to be expensive, each of one kind of thing, as many as are taken and twice as many.
// The heap is counted where it is handed out, so that the assertion is exact and depends on no machine.
#include <doctest/doctest.h>

#include <skep/link.hpp>

#include "btf/btf.hpp"
#include "elf/elf.hpp"
#include "elf/write.hpp"
#include "support/heap_meter.hpp"

using namespace skep;

namespace {

using Words = std::vector<std::uint32_t>;
using Image = std::vector<std::byte>;

constexpr std::size_t kMost = std::size_t{64} << 20;
constexpr std::uint32_t kStruct = 4u << 24, kInt = 1u << 24;

void append(Words& words, std::initializer_list<std::uint32_t> more) {
  for (const std::uint32_t word : more) words.push_back(word);
}

Image bytes_of(const Words& head, const Words& words, std::string_view strings = {}) {
  Image image;
  for (const auto part : {std::as_bytes(std::span(head)), std::as_bytes(std::span(words)),
                          std::as_bytes(std::span(strings.data(), strings.size()))})
    image.insert(image.end(), part.begin(), part.end());
  return image;
}

Image btf_of(const Words& types, const std::string& strings) {
  const auto bytes = static_cast<std::uint32_t>(4 * types.size());
  return bytes_of({0x0001eb9f, 24, 0, bytes, bytes, static_cast<std::uint32_t>(strings.size())}, types, strings);
}

/// "x", then text in which every place begins another name of at most 64 bytes, then a NUL.
std::string overlapping_names(std::uint32_t count) {
  std::string text("\0x\0", 3);
  for (std::uint32_t i = 0; i < count; ++i)
    text.push_back(i % 64 == 63 ? '\0' : static_cast<char>('a' + i * 7 / 64 % 26));
  text.back() = '\0';
  return text;
}

/// An object of one code section, and what the cases below put in.
struct Shape {
  std::size_t code_insns = 1, contents = 0, relocations = 0, symbols = 0;
  Words types;                            ///< none: no BTF
  std::string names = {'\0', 'x', '\0'};  ///< of types
  std::size_t lines = 0;                  ///< records of .BTF.ext
};

Image line_records(std::size_t lines, std::uint32_t insns) {
  Words records = {16, 1, static_cast<std::uint32_t>(lines)};
  for (std::uint32_t i = 0; i < lines; ++i) append(records, {i % insns * 8, 1, 1, i << 10});
  const auto bytes = static_cast<std::uint32_t>(4 * records.size());
  return bytes_of({0x0001eb9f, 32, 0, 0, 0, bytes, bytes, 0}, records);
}

Image made(const Shape& shape) {
  const Image code(8 * shape.code_insns), contents(shape.contents),
      types = btf_of(shape.types, shape.names),
      lines = line_records(shape.lines, static_cast<std::uint32_t>(shape.code_insns));
  std::vector<elf::Relocation> relocations;
  for (std::size_t i = 0; i < shape.relocations; ++i) relocations.push_back({.offset = 8 * i, .type = 2, .symbol = 1});
  const Image relocation_bytes = elf::encode(relocations);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < shape.symbols; ++i) names.push_back("symbol_" + std::to_string(i));

  elf::File file;
  file.type = 1;
  file.machine = 247;
  file.sections = {{},
                   {.name = "x", .type = elf::kProgbits, .flags = 6, .size = code.size(), .align = 8, .data = code},
                   {.name = ".data", .type = elf::kProgbits, .flags = 3, .size = contents.size(), .data = contents},
                   {.name = ".rel.data",
                    .type = elf::kRel,
                    .size = relocation_bytes.size(),
                    .align = 8,
                    .entry_size = 16,
                    .info = 2,
                    .data = relocation_bytes}};
  if (!shape.types.empty()) {
    file.sections.push_back({.name = ".BTF", .type = elf::kProgbits, .size = types.size(), .data = types});
    file.sections.push_back({.name = ".BTF.ext", .type = elf::kProgbits, .size = lines.size(), .data = lines});
  }
  file.symbols = {{}, {.name = "local", .section = 1, .type = 2}};
  for (const std::string& name : names) file.symbols.push_back({.name = name, .section = 1, .binding = 1, .type = 2});
  auto image = elf::write(file);
  REQUIRE(image.has_value());
  return *std::move(image);
}

/// Links it, and checks what that took.
Result<Image> link_within_limit(const Shape& shape) {
  const Image image = made(shape);
  const LinkInput input{image, "monster.o"};
  const std::size_t before = heap_meter::restart();
  auto linked = skep::link(std::span(&input, 1));
  const std::size_t taken = heap_meter::most() - before;
  CAPTURE(image.size());
  CHECK(taken < kMost);
  const std::size_t input_kib = image.size() / 1024, taken_kib = taken / 1024;
  MESSAGE(input_kib, " KiB of input, ", taken_kib, " KiB taken, ", linked ? "linked" : linked.error().message());
  return linked;
}

void check_taken(const Shape& shape) {
  const auto linked = link_within_limit(shape);
  CHECK_MESSAGE(linked.has_value(), linked.error().message());
}

void check_refused(const Shape& shape, std::string_view what) {
  const auto linked = link_within_limit(shape);
  REQUIRE(!linked.has_value());
  CHECK(linked.error().code == ErrorCode::limit);
  CHECK_MESSAGE(linked.error().message().find(what) != std::string::npos, linked.error().message());
}

constexpr std::uint32_t kMostTypes = 1u << 18;

/// So many structs, each of another name and size where `distinct`.
Shape many_types(std::uint32_t count, bool distinct) {
  Shape shape;
  shape.names = overlapping_names(count + 1);
  for (std::uint32_t i = 1; i <= count; ++i) append(shape.types, {distinct ? i : 1, kStruct, distinct ? i : 4});
  return shape;
}

/// Structs as large as they can be, `bytes` of them all together.
Shape many_members(std::uint32_t bytes) {
  Shape shape;
  constexpr std::uint32_t kMembers = 0xffff;
  shape.names = overlapping_names(bytes / 12 + 1);
  shape.types = {1, kInt, 4, 32};
  std::uint32_t name = 1;
  while (4 * (shape.types.size() + 3 + 3 * kMembers) < bytes) {
    append(shape.types, {1, kStruct | kMembers, 4 * kMembers});
    for (std::uint32_t i = 0; i < kMembers; ++i) append(shape.types, {name++, 1, 32 * i});
  }
  return shape;
}

Shape many_lines(std::size_t count) {
  Shape shape = many_types(1, true);
  shape.code_insns = 1000;
  shape.lines = count;
  return shape;
}

}  // namespace

TEST_CASE("as much of each thing as is linked takes at most 64 MiB beyond the input") {
  check_taken({.contents = 19u << 20});
  check_taken({.contents = 8u << 18, .relocations = 1u << 18});
  check_taken({.symbols = (1u << 16) - 8});
  check_taken(many_types(kMostTypes - 2, true));
  check_taken(many_types(kMostTypes - 2, false));
  check_taken(many_members(17u << 20));
  check_taken(many_lines(1u << 19));
}

TEST_CASE("a bit of everything takes at most 64 MiB beyond the input") {
  Shape shape = many_types(kMostTypes - 2, true);
  shape.code_insns = 1000;
  shape.lines = 450'000;
  shape.contents = 8u << 18;
  shape.relocations = 1u << 18;
  shape.symbols = (1u << 16) - 8;
  check_taken(shape);
}

TEST_CASE("more than is linked is refused, and refusing it takes no more") {
  check_refused({.contents = 32u << 20}, "bytes that are linked");
  check_refused({.contents = 8u << 19, .relocations = 1u << 19}, "relocations");
  check_refused({.symbols = 1u << 18}, "symbols");
  check_refused(many_types(1'000'000, true), "types");
  check_refused(many_members(30u << 20), "bytes that are linked");
  check_refused(many_lines(1u << 20), "more than 524288 records");
}
