// Any bytes as one or two objects to link: refused with a reason, or what comes out parses, is within its limit, and
// can be linked again where it is not past the limits of what is linked.
//
// The first four bytes hold the length of the first object; what is left is the second one, which may be missing.
#include <skep/link.hpp>

#include <cstdlib>
#include <vector>

#include "btf/btf.hpp"
#include "elf/elf.hpp"

namespace {

using namespace skep;

constexpr std::size_t kMostLinked = 64u << 20;  // what linking may take beyond its inputs, the result included

void require(bool promise) {
  if (!promise) std::abort();
}

void check(const std::vector<std::byte>& linked) {
  require(linked.size() <= kMostLinked);
  const auto file = elf::File::parse(linked);
  require(file.has_value());
  for (const elf::Section& section : file->sections) require(file->relocations(section.index).has_value());
  const elf::Section* types = file->find(".BTF");
  if (types == nullptr) return;
  const auto btf = btf::Btf::parse(types->data);
  require(btf.has_value());
  if (const elf::Section* ext = file->find(".BTF.ext")) require(btf::BtfExt::parse(ext->data, **btf).has_value());
}

void link_and_check(std::span<const LinkInput> inputs) {
  const auto linked = skep::link(inputs);
  if (!linked) return require(!linked.error().where.empty() && !linked.error().what.empty());
  check(*linked);
  const LinkInput again{*linked, "again"};
  const auto relinked = skep::link(std::span(&again, 1));
  if (!relinked) return require(relinked.error().code == ErrorCode::limit);
  check(*relinked);
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
  link_and_check(inputs);
  return 0;
}
