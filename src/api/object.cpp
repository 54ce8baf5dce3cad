// Objects as applications see them. How they come to be is open_object.cpp's.
#include <skep/object.hpp>

#include "api/names.hpp"
#include "api/object_data.hpp"
#include "api/variables.hpp"

namespace skep {

Result<Object> Object::load_file(const std::string& path, const ObjectOptions& options) {
  const auto open = OpenObject::open_file(path, options);
  return open ? open->load() : fail(open.error());
}

Result<Object> Object::load(std::span<const std::byte> bytes, std::string name, const ObjectOptions& options) {
  const auto open = OpenObject::open(bytes, std::move(name), options);
  return open ? open->load() : fail(open.error());
}

const std::string& Object::name() const { return data_->spec.name; }
const std::string& Object::license() const { return data_->spec.license; }
const std::vector<std::string>& Object::notes() const { return data_->spec.notes; }
const loader::ObjectSpec& Object::spec() const { return data_->spec; }
std::span<const Map> Object::maps() const { return data_->maps; }

std::vector<Program> Object::programs() const {
  std::vector<Program> programs;
  for (const auto& program : data_->spec.programs) programs.push_back(Program(data_, program));
  return programs;
}

Result<Program> Object::program(std::string_view name) const {
  const auto index = find_program(data_->spec, name);
  if (!index) return fail(index.error());
  return Program(data_, data_->spec.programs[*index]);
}

Result<Map> Object::map(std::string_view name) const {
  const auto index = find_map(data_->spec, name);
  if (!index) return fail(index.error());
  return data_->maps[*index];
}

std::vector<Variable> Object::variables() const { return VariableFinder::all(data_); }

Result<Variable> Object::variable(std::string_view name, std::string_view section) const {
  return VariableFinder::find(data_, name, section);
}

Result<void*> Object::section_memory(std::string_view section, std::size_t bytes) const {
  return skep::section_memory(*data_, section, bytes);
}

}  // namespace skep
