// A relocatable file whose .text has an address and no contents: the code is where it runs. Addresses in its DWARF are
// final, there is nothing to relocate. DWARF 4, sections 2, 6.2 and 7.
#include "jit/debug_object.hpp"

#include <elf.h>

#include <algorithm>

#include "elf/write.hpp"
#include "jit/byte_writer.hpp"

namespace skep::jit {
namespace {

#ifdef __aarch64__
constexpr std::uint16_t kMachine = EM_AARCH64;
#else
constexpr std::uint16_t kMachine = EM_X86_64;
#endif
constexpr std::uint32_t kText = 1;  // its section

// The names that DWARF gives to numbers.
enum Tag : std::uint8_t { tag_compile_unit = 0x11, tag_subprogram = 0x2e };
enum Attribute : std::uint8_t {
  at_name = 3,
  at_stmt_list = 0x10,
  at_low_pc,
  at_high_pc,
  at_language,
  at_external = 0x3f
};
enum Form : std::uint8_t {
  form_addr = 1,
  form_data8 = 7,
  form_string,
  form_data1 = 0xb,
  form_sec_offset = 0x17,
  form_flag_present = 0x19
};
enum LineOp : std::uint8_t { op_extended, op_copy, op_advance_pc, op_advance_line, op_set_file };
enum ExtendedOp : std::uint8_t { op_end_sequence = 1, op_set_address };
constexpr std::uint8_t kC99 = 0xc;
constexpr std::uint16_t kVersion = 4;

/// Fills the length that stands before a unit once the unit is written.
class Length {
 public:
  explicit Length(ByteWriter& out) : out_(out), at_(out.size()) { out.put(std::uint32_t{0}); }
  ~Length() { out_.set(at_, static_cast<std::uint32_t>(out_.size() - at_ - sizeof(std::uint32_t))); }
  Length(const Length&) = delete;
  Length& operator=(const Length&) = delete;

 private:
  ByteWriter& out_;
  std::size_t at_;
};

void put_abbreviations(ByteWriter& out) {
  const auto put_all = [&out](std::initializer_list<std::uint8_t> bytes) {
    for (const std::uint8_t byte : bytes) out.put(byte);
  };
  put_all({1, tag_compile_unit, 1, at_name, form_string, at_language, form_data1, at_low_pc, form_addr, at_high_pc,
           form_data8, at_stmt_list, form_sec_offset, 0, 0});
  put_all({2, tag_subprogram, 0, at_name, form_string, at_external, form_flag_present, at_low_pc, form_addr, at_high_pc,
           form_data8, 0, 0});
  put_all({0});
}

void put_functions(ByteWriter& out, const CodeNews& news, std::string_view source) {
  const auto base = reinterpret_cast<std::uint64_t>(news.bytes.data());
  const Length length(out);
  out.put(kVersion);
  out.put(std::uint32_t{0});  // of .debug_abbrev
  out.put(std::uint8_t{8});   // bytes of an address
  out.put_uleb(1);
  out.put_string(source);
  out.put(kC99);
  out.put(base);
  out.put(std::uint64_t{news.bytes.size()});
  out.put(std::uint32_t{0});  // of .debug_line
  for (const CodeNews::Function& function : news.functions) {
    out.put_uleb(2);
    out.put_string(function.name);
    out.put(base + function.from_bytes);
    out.put(std::uint64_t{function.bytes});
  }
  out.put_uleb(0);
}

/// The files that lines name, each once; their numbers count from 1.
std::vector<std::string_view> files_of(const CodeNews& news) {
  std::vector<std::string_view> files;
  for (const CodeNews::Line& line : news.lines)
    if (line.line != 0 && std::find(files.begin(), files.end(), line.file) == files.end()) files.push_back(line.file);
  return files;
}

void put_line_header(ByteWriter& out, const std::vector<std::string_view>& files) {
  const Length length(out);
  out.put(std::uint8_t{1});  // least bytes of an instruction
  out.put(std::uint8_t{1});  // operations in one
  out.put(std::uint8_t{1});  // every row is a statement
  out.put(std::int8_t{0});   // special opcodes, which are not used: first line advance,
  out.put(std::uint8_t{1});  // and range
  out.put(std::uint8_t{op_set_file + 1});
  for (const std::uint8_t operands : {0, 1, 1, 1}) out.put(operands);  // of opcodes 1 to 4
  out.put('\0');                                                       // no folders
  for (const std::string_view file : files) {
    out.put_string(file);
    for (int i = 0; i < 3; ++i) out.put_uleb(0);  // folder, time, size
  }
  out.put('\0');
}

void put_lines(ByteWriter& out, const CodeNews& news, const std::vector<std::string_view>& files) {
  const Length length(out);
  out.put(kVersion);
  put_line_header(out, files);
  const auto put_extended = [&out](ExtendedOp op, std::uint64_t operand_bytes) {
    out.put(op_extended);
    out.put_uleb(1 + operand_bytes);
    out.put(op);
  };
  put_extended(op_set_address, sizeof(std::uint64_t));
  out.put(reinterpret_cast<std::uint64_t>(news.bytes.data()));
  std::uint64_t at = 0, file = 1, number = 1;
  const auto advance_to = [&](std::uint64_t next) {
    out.put(op_advance_pc);
    out.put_uleb(next - std::exchange(at, next));
  };
  for (const CodeNews::Line& line : news.lines) {
    advance_to(line.from_bytes);
    const auto found = std::find(files.begin(), files.end(), line.file);
    const auto next_file = found == files.end() ? file : static_cast<std::uint64_t>(found - files.begin()) + 1;
    if (next_file != std::exchange(file, next_file)) {
      out.put(op_set_file);
      out.put_uleb(file);
    }
    out.put(op_advance_line);
    out.put_sleb(static_cast<std::int64_t>(line.line) - static_cast<std::int64_t>(std::exchange(number, line.line)));
    out.put(op_copy);
  }
  advance_to(news.bytes.size());
  put_extended(op_end_sequence, 0);
}

elf::Section debug_section(std::string_view name, std::uint32_t index, const ByteWriter& contents) {
  return {.name = name,
          .index = index,
          .type = elf::kProgbits,
          .size = contents.size(),
          .align = 1,
          .data = contents.bytes()};
}

}  // namespace

Result<std::vector<std::byte>> debug_object(const CodeNews& news) {
  elf::File file{.machine = kMachine, .type = ET_REL};
  file.sections = {{},
                   {.name = ".text",
                    .index = kText,
                    .type = elf::kNobits,
                    .flags = elf::kAlloc | elf::kExecinstr,
                    .size = news.bytes.size(),
                    .align = 16,
                    .address = reinterpret_cast<std::uint64_t>(news.bytes.data())}};
  file.symbols.push_back({});
  for (const CodeNews::Function& function : news.functions)
    file.symbols.push_back({.name = function.name,
                            .value = function.from_bytes,
                            .size = function.bytes,
                            .section = kText,
                            .binding = static_cast<std::uint8_t>(elf::Binding::global),
                            .type = static_cast<std::uint8_t>(elf::SymbolType::func)});
  const auto files = files_of(news);
  if (files.empty()) return elf::write(file);
  ByteWriter abbrev, info, line;
  put_abbreviations(abbrev);
  put_functions(info, news, files.front());
  put_lines(line, news, files);
  file.sections.push_back(debug_section(".debug_abbrev", 2, abbrev));
  file.sections.push_back(debug_section(".debug_info", 3, info));
  file.sections.push_back(debug_section(".debug_line", 4, line));
  return elf::write(file);
}

}  // namespace skep::jit
