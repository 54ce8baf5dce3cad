// The kernel's side is made with bare bpf(2) from our loader's result, so that what is compared is the running, not
// another loader's idea of the object.
#include "referee/twin.hpp"

#include <cstring>

#include "loader/object_spec.hpp"
#include "program/program.hpp"

namespace skep::referee {
namespace {

/// Maps of no stated size get one entry a CPU, as their loaders do it.
Result<ObjectOptions> options_for(const Frame& image) {
  const auto spec = loader::parse_object(image, "referee");
  if (!spec) return fail(spec.error());
  ObjectOptions options;
  options.host = make_process_host({.cpus = kernel::possible_cpus(), .trace_fd = -1});
  for (const loader::MapDef& map : spec->maps)
    if (map.spec.max_entries == 0) options.max_entries[map.spec.name] = kernel::possible_cpus();
  return options;
}

bool has_comparable_contents(const MapSpec& spec) {
  switch (spec.type) {
    case MapType::hash:
    case MapType::array:
    case MapType::percpu_hash:
    case MapType::percpu_array:
      return true;
    default:  // descriptors and devices, whose values differ by nature
      return false;
  }
}

std::string chars_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Contents our_contents(const Map& map) {
  Contents contents;
  map.for_each([&](std::span<const std::byte> key, std::span<const std::byte> value) {
    contents[chars_of(key)] = chars_of(value);
    return true;
  });
  return contents;
}

}  // namespace

Result<Twin> Twin::make(const Frame& image, const std::string& name, const test::Road& road,
                        const std::function<void(OpenObject&)>& configure) {
  auto options = options_for(image);
  if (!options) return fail(std::move(options).error());
  auto open = OpenObject::open(image, "referee", *options);
  if (!open) return fail(std::move(open).error());
  configure(*open);
  auto object = open->load();
  if (!object) return fail(std::move(object).error());
  auto program = object->program(name);
  if (!program) return fail(std::move(program).error());
  auto executable = test::build_on(road, *program);
  if (!executable) return fail(std::move(executable).error());
  Twin twin(std::move(*object), std::move(*executable));
  if (auto ok = twin.make_kernel_maps(); !ok) return fail(std::move(ok).error());
  return twin;
}

Result<void> Twin::make_kernel_maps() {
  for (std::size_t i = 0; i < object_.maps().size(); ++i) {
    const Map& map = object_.maps()[i];
    MapSpec spec = object_.spec().maps[i].spec;  // a live map's flags also say what its kind adds
    spec.max_entries = map.spec().max_entries;
    const kernel::KernelMap& made = kernel_maps_.emplace_back(spec);
    if (made.error() != 0)
      return fail(ErrorCode::unsupported, "kernel", "refuses map " + map.name() + ": " + std::strerror(-made.error()));
    if (!has_comparable_contents(map.spec())) continue;
    map.for_each([&](std::span<const std::byte> key, std::span<const std::byte> value) {
      return made.update(key.data(), value.data(), 0) == 0;
    });
  }
  return {};
}

Result<void> Twin::load() {
  for (std::size_t i = 0; i < kernel_maps_.size(); ++i)
    if (object_.spec().maps[i].origin == loader::MapDef::Origin::rodata) (void)kernel_maps_[i].freeze();
  std::vector<Insn> insns(program().insns().begin(), program().insns().end());
  for (std::size_t pc = 0; pc < insns.size(); ++pc) {
    constexpr std::uint8_t kLddw = 0x18;
    if (insns[pc].opcode != kLddw) continue;
    if (insns[pc].src == BPF_PSEUDO_MAP_FD || insns[pc].src == BPF_PSEUDO_MAP_VALUE)
      insns[pc].imm = kernel_maps_[static_cast<std::size_t>(insns[pc].imm)].fd();
    ++pc;
  }
  kernel_program_ = kernel::load(ProgType::xdp, insns);
  if (kernel_program_.ok()) return {};
  return fail(ErrorCode::unsupported, "kernel",
              std::string("refuses the program: ") + std::strerror(-kernel_program_.get()));
}

bool Twin::put(std::string_view name, std::span<const std::byte> key, std::span<const std::byte> value) {
  for (std::size_t i = 0; i < kernel_maps_.size(); ++i) {
    const Map& map = object_.maps()[i];
    if (map.name() != name || key.size() != map.spec().key_size || value.size() != map.host_value_size()) continue;
    if (kernel_maps_[i].update(key.data(), value.data(), 0) == 0 && !map.update(key, value))
      (void)kernel_maps_[i].erase(key.data());
    return true;
  }
  return false;
}

Outcome Twin::run_here(const Frame& frame) {
  XdpPacket packet(frame);
  const RunResult result = executable_.run(packet);
  Outcome outcome;
  outcome.verdict = static_cast<std::uint32_t>(result.value);
  if (!result.ok()) outcome.fault = executable_.explain(result.fault);
  outcome.meta.assign(packet.meta().begin(), packet.meta().end());
  outcome.frame.assign(packet.frame().begin(), packet.frame().end());
  return outcome;
}

Outcome Twin::run_in_kernel(const Frame& frame) const {
  const kernel::XdpRun run = kernel::run_xdp(kernel_program_, frame);
  Outcome outcome;
  outcome.verdict = run.value;
  if (run.sys < 0) outcome.fault = std::string("BPF_PROG_TEST_RUN: ") + std::strerror(-run.sys);
  const auto packet = run.data.begin() + run.context.data;
  outcome.meta.assign(run.data.begin(), packet);
  outcome.frame.assign(packet, run.data.end());
  return outcome;
}

Contents Twin::kernel_contents(std::size_t index) const {
  const MapSpec& spec = object_.maps()[index].spec();
  Contents contents;
  std::vector<std::byte> key(spec.key_size), value(object_.maps()[index].host_value_size());
  const std::byte* previous = nullptr;
  while (kernel_maps_[index].next_key(previous, key.data()) == 0) {
    if (kernel_maps_[index].lookup(key.data(), value.data()) == 0) contents[chars_of(key)] = chars_of(value);
    previous = key.data();
  }
  return contents;
}

std::vector<std::string> Twin::different_maps() const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kernel_maps_.size(); ++i) {
    const Map& map = object_.maps()[i];
    if (has_comparable_contents(map.spec()) && our_contents(map) != kernel_contents(i)) names.push_back(map.name());
  }
  return names;
}

}  // namespace skep::referee
