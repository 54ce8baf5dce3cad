// Any bytes as one or two objects to link: refused with a reason, or what comes out parses, is not much larger than
// what went in, and can be linked again.
//
// The first four bytes hold the length of the first object; what is left is the second one, which may be missing.
#include <skep/link.hpp>

#include <cstdlib>
#include <vector>

#include "btf/btf.hpp"
#include "elf/elf.hpp"

namespace {

using namespace skep;

constexpr std::size_t kSlack = 40u << 20;  // for padding, names that share bytes, and tables of our own

void require(bool promise) {
  if (!promise) std::abort();
}

void check(const std::vector<std::byte>& linked, std::size_t input_bytes) {
  require(linked.size() <= 8 * input_bytes + kSlack);
  const auto file = elf::File::parse(linked);
  require(file.has_value());
  for (const elf::Section& section : file->sections) require(file->relocations(section.index).has_value());
  const elf::Section* types = file->find(".BTF");
  if (types == nullptr) return;
  const auto btf = btf::Btf::parse(types->data);
  require(btf.has_value());
  if (const elf::Section* ext = file->find(".BTF.ext")) require(btf::BtfExt::parse(ext->data, **btf).has_value());
}

void link_and_check(std::span<const LinkInput> inputs, std::size_t input_bytes) {
  const auto linked = skep::link(inputs);
  if (!linked) return require(!linked.error().where.empty() && !linked.error().what.empty());
  check(*linked, input_bytes);
  const LinkInput again{*linked, "again"};
  const auto relinked = skep::link(std::span(&again, 1));
  require(relinked.has_value());
  check(*relinked, linked->size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteReader input(std::as_bytes(std::span(data, size)));
  const auto length = input.read<std::uint32_t>(0);
  if (!length) return 0;
  const auto first = input.slice(4, *length);
  if (!first) return 0;
  const Bytes second = input.bytes().subspan(4 + *length);
  std::vector<LinkInput> inputs = {{*first, "first"}};
  if (!second.empty()) inputs.push_back({second, "second"});
  link_and_check(inputs, size);
  return 0;
}
