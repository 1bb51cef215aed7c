-- Requests for wrk: every one is new, by a number in a comment or a filter; its arguments are the
-- path of the service, the kind of query, a number to begin from, and a file of things to ask about.
local things, path, kind, number = {}, "/sparql", "point", 0

function init(arguments)
  path, kind, number = arguments[1], arguments[2], tonumber(arguments[3])
  for line in io.lines(arguments[4]) do things[#things + 1] = line end
end

local function escaped(text)
  return (text:gsub("[^%w]", function(one) return string.format("%%%02X", one:byte()) end))
end

local prefixes = "PREFIX erga: <https://w3id.org/ergaomnes/def/> "
  .. "PREFIX skos: <http://www.w3.org/2004/02/skos/core#> "

local analytics = {
  "SELECT ?t (COUNT(?s) AS ?n) { ?s a ?t FILTER(STRLEN(STR(?s)) != %d) } GROUP BY ?t",
  'SELECT (COUNT(*) AS ?n) { ?s skos:prefLabel ?o FILTER(CONTAINS(STR(?o), "torture %d")) }',
  'SELECT ?i (COUNT(?s) AS ?n) { ?s erga:inInstrument ?i ; erga:holdsFrom ?d'
    .. ' FILTER(STR(?d) != "%d") } GROUP BY ?i',
  "SELECT ?k (COUNT(?a) AS ?n) (MIN(?d) AS ?first) { ?a erga:hasActionKind ?k ;"
    .. " erga:depositDate ?d ; erga:isPerformedBy ?s FILTER(STRLEN(STR(?s)) != %d) } GROUP BY ?k",
  'SELECT (COUNT(*) AS ?n) { ?s ?p ?o FILTER(CONTAINS(STR(?o), "torture %d")) }',
}

function request()
  number = number + 1
  local query = prefixes .. analytics[number % #analytics + 1]:format(1000 + number)
  if kind == "point" or (kind == "mixed" and number % 500 ~= 0) then
    query = "SELECT ?p ?o WHERE { <" .. things[number % #things + 1] .. "> ?p ?o } # " .. number
  end
  return wrk.format("GET", path .. "?query=" .. escaped(query))
end
