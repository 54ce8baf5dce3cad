// The ELF reader against llvm-readelf on what clang makes, and against every way a hand-made file can lie.
#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <set>
#include <sstream>
#include <tuple>

#include "elf/elf.hpp"
#include "support/tools.hpp"

namespace skep {
namespace {

using elf::File;

constexpr std::string_view kSource = R"(
#define SEC(name) __attribute__((section(name), used))
int counter SEC(".data");
long zeroed[4] SEC(".bss");
extern int outside(void);
static __attribute__((noinline)) int local(int x) { return x + counter; }
__attribute__((weak)) SEC("xdp") int prog(void *ctx) { return local(1) + zeroed[1] + outside(); }
)";

/// A file of nine sections, by hand: 1 names, 2 strings, 3 symbols, 4 code, 5 its relocations, 6 zeroed, 7 RELA for 6,
/// 8 compressed.
class SmallFile {
 public:
  static constexpr std::size_t kSectionTable = 0x200, kSections = 9, kNames = 0x40, kSymbols = 0xc0,
                               kRelocations = 0x140;

  SmallFile() : bytes_(kSectionTable + kSections * 64) {
    std::memcpy(bytes_.data(),
                "\x7f"
                "ELF\2\1\1",
                7);
    put<std::uint16_t>(16, 1);    // type: relocatable
    put<std::uint16_t>(18, 247);  // machine: BPF
    put<std::uint64_t>(40, kSectionTable);
    put<std::uint16_t>(58, 64);
    put<std::uint16_t>(60, kSections);
    put<std::uint16_t>(62, 1);
    constexpr char names[] = "\0.shstrtab\0.strtab\0.symtab\0xdp\0.relxdp\0.bss\0.packed";
    std::memcpy(bytes_.data() + kNames, names, sizeof names);
    std::memcpy(bytes_.data() + 0xa0, "\0prog\0zeroed", 13);
    section(1, 1, elf::kStrtab, kNames, sizeof names);
    section(2, 11, elf::kStrtab, 0xa0, 13);
    section(3, 19, elf::kSymtab, kSymbols, 3 * 24, 2, 1, 24);
    section(4, 27, elf::kProgbits, 0x120, 32);
    section(5, 31, elf::kRel, kRelocations, 2 * 16, 3, 4, 16);
    section(6, 39, elf::kNobits, 0, 64);
    section(7, 0, elf::kRela, 0x160, 24, 3, 6, 24);
    section(8, 44, elf::kProgbits, 0x180, 8);
    put<std::uint64_t>(field(8, 8), elf::kCompressed);
    symbol(1, 1, 0x12, 4, 8, 16);
    symbol(2, 6, 0x11, 6, 0, 64);
    relocation(0, 24, 2, 1);
    relocation(1, 8, 1, 10);
  }

  template <class T>
  void put(std::size_t at, T value) {
    std::memcpy(bytes_.data() + at, &value, sizeof value);
  }
  /// Where a field of a section header lies: 0 name, 4 type, 8 flags, 24 offset, 32 size, 40 link, 44 info, 56 entry
  /// size.
  static std::size_t field(std::size_t section, std::size_t at) { return kSectionTable + 64 * section + at; }
  [[nodiscard]] Bytes bytes() const { return bytes_; }

 private:
  void section(std::size_t index, std::uint32_t name, std::uint32_t type, std::uint64_t offset, std::uint64_t size,
               std::uint32_t link = 0, std::uint32_t info = 0, std::uint64_t entry = 0) {
    put(field(index, 0), name);
    put(field(index, 4), type);
    put(field(index, 24), offset);
    put(field(index, 32), size);
    put(field(index, 40), link);
    put(field(index, 44), info);
    put(field(index, 56), entry);
  }
  void symbol(std::size_t index, std::uint32_t name, std::uint8_t info, std::uint16_t section, std::uint64_t value,
              std::uint64_t size) {
    const std::size_t at = kSymbols + 24 * index;
    put(at, name);
    put(at + 4, info);
    put(at + 6, section);
    put(at + 8, value);
    put(at + 16, size);
  }
  void relocation(std::size_t index, std::uint64_t offset, std::uint32_t symbol, std::uint32_t type) {
    put(kRelocations + 16 * index, offset);
    put(kRelocations + 16 * index + 8, type | std::uint64_t{symbol} << 32);
  }

  std::vector<std::byte> bytes_;
};

/// Walks all that a File offers; true when it keeps what its header promises.
bool keeps_promises(const File& file, Bytes input) {
  for (const elf::Section& section : file.sections) {
    const std::byte* const end = section.data.data() + section.data.size();
    if (!section.data.empty() && (section.data.data() < input.data() || end > input.data() + input.size()))
      return false;
    const auto relocations = file.relocations(section.index);
    if (!relocations) continue;
    for (const elf::Relocation& each : *relocations) {
      if (each.symbol >= file.symbols.size() || each.offset >= section.size) return false;
    }
  }
  for (const elf::Symbol& symbol : file.symbols) {
    if (symbol.section >= file.sections.size() && symbol.section < elf::kReservedSections) return false;
  }
  return true;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// An object of clang's and its path, or a visible skip.
struct Compiled {
  tools::Scratch scratch;
  std::string path;
  std::vector<std::byte> bytes;

  bool ready() {
    if (!tools::have("clang-19") || !tools::have("llvm-readelf-19")) {
      MESSAGE("SKIP: needs clang-19 and llvm-readelf-19");
      return false;
    }
    const auto object = scratch.compile("object.o", kSource);
    REQUIRE(object);
    path = *object;
    bytes = tools::read_file(path).value();
    return true;
  }
};

}  // namespace

TEST_CASE("sections are those that llvm-readelf lists") {
  Compiled object;
  if (!object.ready()) return;
  const auto file = File::parse(object.bytes);
  REQUIRE(file);
  CHECK(file->machine == 247);
  CHECK(file->type == 1);
  std::size_t seen = 0;
  for (const std::string& line : lines_of(tools::output_of("llvm-readelf-19 -S --wide " + object.path).value())) {
    unsigned index = 0;
    char name[64], type[32];
    unsigned long address = 0, offset = 0, size = 0, entry = 0;
    if (std::sscanf(line.c_str(), " [%u] %63s %31s %lx %lx %lx %lx", &index, name, type, &address, &offset, &size,
                    &entry) != 7) {
      continue;
    }
    if (index == 0) continue;  // the null section has no name to scan
    CAPTURE(line);
    REQUIRE(index < file->sections.size());
    const elf::Section& section = file->sections[index];
    CHECK(section.name == name);
    CHECK(section.size == size);
    CHECK(section.entry_size == entry);
    CHECK((section.type == elf::kNobits) == (std::string_view(type) == "NOBITS"));
    if (section.type != elf::kNobits) CHECK(section.data.data() == object.bytes.data() + offset);
    CHECK(file->find(name) == &section);
    ++seen;
  }
  CHECK(seen + 1 == file->sections.size());
}

TEST_CASE("symbols are those that llvm-readelf lists") {
  Compiled object;
  if (!object.ready()) return;
  const auto file = File::parse(object.bytes);
  REQUIRE(file);
  constexpr const char* kTypes[] = {"NOTYPE", "OBJECT", "FUNC", "SECTION", "FILE"};
  constexpr const char* kBindings[] = {"LOCAL", "GLOBAL", "WEAK"};
  std::size_t seen = 0;
  for (const std::string& line : lines_of(tools::output_of("llvm-readelf-19 -s --wide " + object.path).value())) {
    unsigned index = 0;
    unsigned long value = 0, size = 0;
    char type[32], binding[32], visibility[32], section[32], name[64] = "";
    if (std::sscanf(line.c_str(), " %u: %lx %lu %31s %31s %31s %31s %63s", &index, &value, &size, type, binding,
                    visibility, section, name) < 7) {
      continue;
    }
    CAPTURE(line);
    REQUIRE(index < file->symbols.size());
    const elf::Symbol& symbol = file->symbols[index];
    CHECK(symbol.value == value);
    CHECK(symbol.size == size);
    CHECK(kTypes[symbol.type] == std::string_view(type));
    CHECK(kBindings[symbol.binding] == std::string_view(binding));
    const std::string where = symbol.section == 0        ? "UND"
                              : symbol.section == 0xfff1 ? "ABS"
                                                         : std::to_string(symbol.section);
    CHECK(where == section);
    // readelf names section symbols after their section; the file does not.
    if (std::string_view(type) != "SECTION") CHECK(symbol.name == name);
    ++seen;
  }
  CHECK(seen == file->symbols.size());
}

TEST_CASE("relocations are those that llvm-readelf lists") {
  Compiled object;
  if (!object.ready()) return;
  const auto file = File::parse(object.bytes);
  REQUIRE(file);
  using Entry = std::tuple<std::string, std::uint64_t, std::uint64_t>;
  std::set<Entry> expected, seen;
  std::string table;
  for (const std::string& line : lines_of(tools::output_of("llvm-readelf-19 -r --wide " + object.path).value())) {
    char name[64];
    unsigned long offset = 0, info = 0;
    if (std::sscanf(line.c_str(), "Relocation section '%63[^']'", name) == 1) table = name;
    if (std::sscanf(line.c_str(), "%16lx %16lx R_BPF", &offset, &info) == 2) expected.emplace(table, offset, info);
  }
  for (const elf::Section& section : file->sections) {
    const auto relocations = file->relocations(section.index);
    REQUIRE(relocations);
    for (const elf::Relocation& each : *relocations) {
      seen.emplace(file->sections[section.relocations].name, each.offset, each.type | std::uint64_t{each.symbol} << 32);
    }
  }
  CHECK(expected.size() > 4);
  CHECK(seen == expected);
}

TEST_CASE("a small file is read field by field") {
  const SmallFile small;
  const auto file = File::parse(small.bytes());
  REQUIRE(file);
  REQUIRE(file->sections.size() == 9);
  REQUIRE(file->symbols.size() == 3);
  CHECK(file->find("xdp")->index == 4);
  CHECK(file->find("nowhere") == nullptr);
  CHECK(file->symbols[1].name == "prog");
  CHECK(file->symbols[1].value == 8);
  CHECK(file->symbols[1].binding == static_cast<std::uint8_t>(elf::Binding::global));
  CHECK(file->symbols[2].type == static_cast<std::uint8_t>(elf::SymbolType::object));
  CHECK(file->sections[6].size == 64);
  CHECK(file->sections[6].data.empty());
  const auto relocations = file->relocations(4);
  REQUIRE(relocations);
  REQUIRE(relocations->size() == 2);
  CHECK((*relocations)[0].offset == 8);  // the file has them the other way around
  CHECK((*relocations)[0].type == 10);
  CHECK((*relocations)[1].symbol == 2);
  CHECK(file->relocations(1)->empty());
  CHECK(file->relocations(1000)->empty());
}

TEST_CASE("every lie of a header is refused by name") {
  using F = SmallFile;
  struct Lie {
    const char* name;
    std::function<void(F&)> tell;
    ErrorCode code;
    const char* text;
  };
  const Lie lies[] = {
      {"magic", [](F& f) { f.put<char>(1, 'e'); }, ErrorCode::malformed, "elf: not an ELF file"},
      {"big-endian", [](F& f) { f.put<char>(5, 2); }, ErrorCode::unsupported,
       "elf: big-endian object, skep reads little-endian ones"},
      {"32-bit", [](F& f) { f.put<char>(4, 1); }, ErrorCode::unsupported, "elf: 32-bit object, skep reads 64-bit ones"},
      {"class", [](F& f) { f.put<char>(4, 3); }, ErrorCode::malformed, "class 3"},
      {"encoding", [](F& f) { f.put<char>(5, 3); }, ErrorCode::malformed, "data encoding 3"},
      {"version", [](F& f) { f.put<char>(6, 2); }, ErrorCode::malformed, "version 2"},
      {"section table past the end", [](F& f) { f.put<std::uint64_t>(40, 0x300); }, ErrorCode::malformed,
       "table of 9 sections at offset 768 past end 1088 of the file"},
      {"section table at the end of the address space", [](F& f) { f.put<std::uint64_t>(40, ~0ull); },
       ErrorCode::malformed, "past end 1088"},
      {"no section table", [](F& f) { f.put<std::uint64_t>(40, 0); }, ErrorCode::malformed,
       "9 sections but no section table"},
      {"header size", [](F& f) { f.put<std::uint16_t>(58, 40); }, ErrorCode::malformed, "section headers of 40 bytes"},
      {"extended count", [](F& f) { f.put<std::uint16_t>(60, 0); }, ErrorCode::unsupported,
       "extended section numbering"},
      {"extended name table", [](F& f) { f.put<std::uint16_t>(62, 0xffff); }, ErrorCode::unsupported,
       "extended section numbering"},
      {"name table", [](F& f) { f.put<std::uint16_t>(62, 4); }, ErrorCode::malformed,
       "section 4, which is no string table"},
      {"name table past the last", [](F& f) { f.put<std::uint16_t>(62, 90); }, ErrorCode::malformed, "section 90"},
      {"section name", [](F& f) { f.put(F::field(4, 0), 912u); }, ErrorCode::malformed,
       "elf: section 4: name at offset 912 past end"},
      {"section contents", [](F& f) { f.put(F::field(4, 32), std::uint64_t{1} << 40); }, ErrorCode::malformed,
       "1099511627776 bytes at offset 288 past end 1088"},
      {"overlapping sections",
       [](F& f) {
         for (int i : {1, 2, 4, 5, 8})
           f.put(F::field(i, 24), std::uint64_t{0}), f.put(F::field(i, 32), std::uint64_t{1088});
       },
       ErrorCode::limit, "sections overlap to"},
      {"symbols without end", [](F& f) { f.put(F::field(3, 32), std::uint64_t{24} << 32); }, ErrorCode::malformed,
       "past end"},
      {"symbol size", [](F& f) { f.put(F::field(3, 56), std::uint64_t{16}); }, ErrorCode::malformed,
       "needs a multiple of 24"},
      {"half a symbol", [](F& f) { f.put(F::field(3, 32), std::uint64_t{60}); }, ErrorCode::malformed,
       "60 bytes of symbols"},
      {"compressed symbols", [](F& f) { f.put(F::field(3, 8), elf::kCompressed); }, ErrorCode::unsupported,
       "compressed"},
      {"symbol strings", [](F& f) { f.put(F::field(3, 40), 4u); }, ErrorCode::malformed, "(3): names in section 4"},
      {"second symbol table", [](F& f) { f.put(F::field(8, 4), elf::kSymtab); }, ErrorCode::malformed,
       "second symbol table"},
      {"symbol name", [](F& f) { f.put(F::kSymbols + 24, 13u); }, ErrorCode::malformed,
       "elf: symbol 1: name at offset 13 past end 13"},
      {"symbol section", [](F& f) { f.put(F::kSymbols + 30, std::uint16_t{9}); }, ErrorCode::malformed,
       "elf: symbol 1: in section 9, the file has 9"},
      {"symbol's extended section", [](F& f) { f.put(F::kSymbols + 30, std::uint16_t{0xffff}); },
       ErrorCode::unsupported, "elf: symbol 1: extended section index"},
      {"unterminated name", [](F& f) { f.put(0xa0 + 12, 'x'); }, ErrorCode::malformed, "no end in the string table"},
      {"relocated section", [](F& f) { f.put(F::field(5, 44), 9u); }, ErrorCode::malformed, "applies to section 9"},
      {"relocated twice", [](F& f) { f.put(F::field(7, 44), 4u); }, ErrorCode::unsupported,
       "second relocation section"},
  };
  for (const Lie& lie : lies) {
    CAPTURE(lie.name);
    SmallFile file;
    lie.tell(file);
    const auto parsed = File::parse(file.bytes());
    REQUIRE(!parsed);
    CHECK(parsed.error().code == lie.code);
    CHECK_MESSAGE(parsed.error().message().find(lie.text) != std::string::npos, parsed.error().message());
  }
}

TEST_CASE("relocations that lie are refused when asked for, not before") {
  using F = SmallFile;
  struct Lie {
    std::function<void(F&)> tell;
    std::uint32_t section;
    ErrorCode code;
    const char* text;
  };
  const Lie lies[] = {
      {[](F&) {}, 6, ErrorCode::unsupported, "RELA relocations, skep reads REL ones"},
      {[](F& f) { f.put(F::kRelocations + 12, 3u); }, 4, ErrorCode::malformed, "entry 0: symbol 3, the file has 3"},
      {[](F& f) { f.put(F::kRelocations, std::uint64_t{32}); }, 4, ErrorCode::malformed,
       "offset 32 past end 32 of section xdp"},
      {[](F& f) { f.put(F::field(5, 40), 2u); }, 4, ErrorCode::malformed, "symbols in section 2"},
      {[](F& f) { f.put(F::field(5, 56), std::uint64_t{24}); }, 4, ErrorCode::malformed, "needs a multiple of 16"},
      {[](F& f) { f.put(F::field(5, 8), elf::kCompressed); }, 4, ErrorCode::unsupported, "compressed contents"},
  };
  for (const Lie& lie : lies) {
    CAPTURE(lie.text);
    SmallFile small;
    lie.tell(small);
    const auto file = File::parse(small.bytes());
    REQUIRE(file);
    const auto relocations = file->relocations(lie.section);
    REQUIRE(!relocations);
    CHECK(relocations.error().code == lie.code);
    CHECK_MESSAGE(relocations.error().message().find(lie.text) != std::string::npos, relocations.error().message());
  }
}

TEST_CASE("compressed contents are refused only when used") {
  const SmallFile small;
  const auto file = File::parse(small.bytes());
  REQUIRE(file);
  CHECK(File::contents(file->sections[4])->size() == 32);
  const auto packed = File::contents(*file->find(".packed"));
  REQUIRE(!packed);
  CHECK(packed.error().message() == "elf: section .packed (8): compressed contents");
}

TEST_CASE("a name longer than the limit is refused without reading it to its end") {
  // One section, whose string table is most of the file and has no NUL but its last byte.
  std::vector<std::byte> bytes(64 + 128 + 2 * elf::kMaxNameBytes, std::byte{'x'});
  std::memcpy(bytes.data(), SmallFile().bytes().data(), 64);
  const auto put = [&](std::size_t at, auto value) { std::memcpy(bytes.data() + at, &value, sizeof value); };
  put(40, std::uint64_t{64});
  put(60, std::uint16_t{2});
  std::memset(bytes.data() + 64, 0, 128);
  put(128, 1u);
  put(132, elf::kStrtab);
  put(128 + 24, std::uint64_t{192});
  put(128 + 32, std::uint64_t{2 * elf::kMaxNameBytes});
  bytes.back() = std::byte{0};
  const auto file = File::parse(bytes);
  REQUIRE(!file);
  CHECK(file.error().code == ErrorCode::limit);
}

TEST_CASE("every truncation and every changed byte of a small file parses or is refused") {
  const SmallFile small;
  for (std::size_t size = 0; size < small.bytes().size(); ++size) {
    const std::vector<std::byte> cut(small.bytes().begin(), small.bytes().begin() + static_cast<std::ptrdiff_t>(size));
    CHECK(!File::parse(cut));  // the section table is last
  }
  std::size_t accepted = 0;
  bool kept = true;
  std::vector<std::byte> bytes(small.bytes().begin(), small.bytes().end());
  for (std::byte& byte : bytes) {
    const std::byte old = byte;
    for (unsigned flip = 1; flip < 256; ++flip) {
      byte = old ^ static_cast<std::byte>(flip);
      const auto file = File::parse(bytes);
      if (!file) continue;
      kept = kept && keeps_promises(*file, bytes);
      ++accepted;
    }
    byte = old;
  }
  CHECK(kept);
  CHECK(accepted > 0);
  CHECK(accepted < bytes.size() * 255);
}

TEST_CASE("executables of the host are read, and their RELA tables refused when used") {
  const auto bytes = tools::read_file("/proc/self/exe");
  if (!bytes) {
    MESSAGE("SKIP: no /proc/self/exe");
    return;
  }
  const auto file = File::parse(*bytes);
  REQUIRE_MESSAGE(file, file.error().message());
  CHECK(file->find(".text") != nullptr);
  CHECK(keeps_promises(*file, *bytes));
}

}  // namespace skep
