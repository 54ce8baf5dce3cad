// Sections are what lies between the lines that start with "--"; the names of unknown ones are nobody's business.
#include "isa/conformance_file.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <fstream>
#include <iterator>
#include <map>

#include "isa/text.hpp"

namespace skep::isa {
namespace {

using Sections = std::map<std::string, std::string, std::less<>>;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

Sections split(std::string_view text) {
  Sections sections;
  std::string* section = nullptr;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with("--")) {
      section = &sections[std::string(trimmed(line.substr(2)))];
    } else if (section != nullptr) {
      section->append(line).append("\n");
    }
  }
  return sections;
}

/// The blank-separated numbers of a section, without its comments; nothing when one of them is no number.
std::optional<std::vector<std::uint64_t>> numbers(std::string_view text, int base) {
  std::vector<std::uint64_t> values;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '#') at = std::min(text.find('\n', at), text.size());
    const auto start = text.find_first_not_of(" \t\r\n", at);
    if (start == std::string_view::npos) break;
    at = std::min(text.find_first_of(" \t\r\n#", start), text.size());
    std::string_view word = text.substr(start, at - start);
    if (word.empty()) continue;
    const bool hex = word.starts_with("0x");
    if (hex) word.remove_prefix(2);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, hex ? 16 : base);
    if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
    values.push_back(value);
  }
  return values;
}

}  // namespace

Result<ConformanceCase> parse_conformance(std::string name, std::string_view text) {
  ConformanceCase test{std::move(name)};
  const auto broken = [&](std::string what) { return fail(ErrorCode::malformed, test.name, std::move(what)); };
  for (const auto& [section, body] : split(text)) {
    if (section == "asm") {
      test.assembly = body;
      auto insns = assemble(body);
      if (!insns) return broken("asm " + insns.error().message());
      test.insns = std::move(*insns);
    } else if (section == "error") {
      test.error = std::string(trimmed(body));
    } else if (section == "raw") {
      const auto words = numbers(body, 16);
      if (!words) return broken("section raw holds something that is no number");
      test.raw.emplace();
      for (std::uint64_t word : *words) test.raw->push_back(std::bit_cast<Insn>(word));
    } else if (section == "mem") {
      const auto bytes = numbers(body, 16);
      if (!bytes) return broken("section mem holds something that is no number");
      for (std::uint64_t byte : *bytes) test.memory.push_back(static_cast<std::byte>(byte));
    } else if (section == "result") {
      const auto values = numbers(body, 10);
      if (!values || values->size() != 1) return broken("section result must hold one number");
      test.result = values->front();
    }
  }
  if (!test.assembly && test.raw) test.insns = *test.raw;
  if (!test.assembly && !test.raw) return broken("has neither a section asm nor raw");
  return test;
}

Result<std::vector<ConformanceCase>> load_conformance(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".data") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<ConformanceCase> cases;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    auto test = parse_conformance(path.stem().string(), text);
    if (!test) return fail(std::move(test).error());
    cases.push_back(std::move(*test));
  }
  return cases;
}

}  // namespace skep::isa
